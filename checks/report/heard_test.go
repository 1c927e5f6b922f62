package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/report"
)

func TestWhatAWorkerDoesIsWrittenBelowItsLine(t *testing.T) {
	t.Parallel()
	h := report.Heard{
		Time: time.Date(2026, 11, 22, 5, 9, 31, 0, time.UTC), Worker: "api", Width: 6, What: "POST /login 500", Outcome: "exception", Failed: true,
		Lines: []report.HeardLine{{Level: "log", Text: "one\ntwo"}, {Level: "error", Text: "Error: no"}, {Level: "frame", Text: "f (a.ts:1:2)"}},
	}
	want := "05:09:31Z  api     exception  POST /login 500\n    log   one\n          two\n    error Error: no\n            at f (a.ts:1:2)\n"
	var plain, painted strings.Builder
	report.WriteHeard(&plain, report.Style{}, h)
	if plain.String() != want {
		t.Errorf("wrote\n%q, want\n%q", plain.String(), want)
	}
	report.WriteHeard(&painted, report.Style{Color: true}, h)
	if !strings.Contains(painted.String(), "\x1b[31mexception\x1b[0m") || !strings.Contains(painted.String(), "\x1b[31mError: no\x1b[0m") {
		t.Errorf("wrote %q", painted.String())
	}
}
