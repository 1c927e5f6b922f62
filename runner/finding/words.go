package finding

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Many counts things, as a sentence does: "1 Worker", "2 Workers", "2 classes".
func Many(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "s"):
		return fmt.Sprintf("%d %ses", n, thing)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// When writes a time for people: "2006-01-02 15:04:05Z", whatever its zone.
func When(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// Quote is an error as part of a sentence: one line, and of a finding its message
// only. A nil error gives none.
func Quote(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[Finding](err); ok {
		return f.Message
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
