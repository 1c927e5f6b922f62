package rotation

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/dotenv"
	"github.com/tminus/deploy-action/runner/finding"
)

func TestMadeValuesAreLongAndDiffer(t *testing.T) {
	t.Parallel()
	a, b := New(), New()
	raw, err := base64.StdEncoding.DecodeString(a)
	if err != nil || len(raw) != 32 || a == b {
		t.Errorf("%d bytes, %v, the same: %v", len(raw), err, a == b)
	}
}

func TestRulesSayWhatAPersonHasToKnow(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		asked Asked
		want  string
	}{
		{Asked{Names: []string{"JWT_SECRET"}}, "warning sessions-end"},
		{Asked{Names: []string{"JWT_SECRET"}, Overlap: true}, ""},
		{Asked{Names: []string{"MASTER_KEY"}}, "error key-migration"},
		{Asked{Names: []string{"MASTER_KEY"}, Migration: true}, "warning key-migration"},
		{Asked{Names: []string{"MASTER_KEY"}, Migration: true, Overlap: true}, ""},
		{Asked{Names: []string{"GOOGLE_CLIENT_ID", "MS_CLIENT_SECRET"}}, "error provider-secret|error provider-secret"},
		{Asked{Names: []string{"MS_CLIENT_SECRET"}, Given: true}, "notice provider-secret"},
		{Asked{Names: []string{"STRIPE_KEY"}}, ""},
	} {
		var got []string
		for _, f := range Rules(one.asked) {
			got = append(got, f.Severity.String()+" "+f.Rule)
		}
		if strings.Join(got, "|") != one.want {
			t.Errorf("%+v: %v, want %s", one.asked, got, one.want)
		}
	}
}

func TestMadeValuesAreWrittenOnceForTheUserAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new.env")
	hidden := map[string]bool{}
	v := Make([]string{"A", "B"}, file, func(value string) { hidden[value] = true })
	for range 2 {
		if err := v.Keep(); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	entries, found := dotenv.Parse(file, raw)
	a, _ := v.New.Value("A")
	if len(found) > 0 || len(entries) != 2 || entries[0].Value != a || !hidden[a] || len(hidden) != 2 {
		t.Errorf("%d entries, %v", len(entries), found)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	again := Make([]string{"A"}, file, func(string) {})
	if f := finding.From(again.Keep(), "", finding.Position{}); len(f) != 1 || f[0].Rule != "write-to" || strings.Contains(f[0].Error(), a) {
		t.Errorf("a file was written over: %v", f)
	}
	nowhere := Make([]string{"A"}, filepath.Join(file, "x"), func(string) {})
	if nowhere.Keep() == nil {
		t.Error("nothing was written and nobody said so")
	}
}
