package notice

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// DialledFar tells whether an address is refused when unencrypted news would go there.
func DialledFar(address string) bool { return nearby("tcp", address, nil) != nil }

func TestRetryAfterHasTwoForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "": 0, "-1": 0, "soon": 0, "99999999999": 0,
		"Sun, 22 Nov 2026 00:00:07 GMT": 7 * time.Second, "Sat, 21 Nov 2026 00:00:07 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestWhatIsTooLongIsCutAndNeverInsideAnEscape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"a&b", 7, "a&amp;b"}, {"a&bc", 7, "a&amp;…"}, {"ab&", 6, "ab…"}, {"😀😀", 4, "😀😀"}, {"😀😀x", 4, "😀…"},
	} {
		if got := fit(tt.text, tt.limit); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}

func TestTheLongestNewsFit(t *testing.T) {
	t.Parallel()
	raw, err := slack(News{Title: strings.Repeat("&", 10000), Text: strings.Repeat("<😀", 50000)})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Text string }
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if n := len(utf16.Encode([]rune(got.Text))); n > longestText || n < longestText/2 {
		t.Errorf("the text has %d characters", n)
	}
}

// Whatever happened, Slack takes the body: right JSON, nothing longer than it takes, and
// no mark of its own from outside.
func FuzzSlack(f *testing.F) {
	f.Add("production was rolled back", "because <b> & c", "https://example.com/?a|b>c", 1)
	f.Add("*", strings.Repeat("&", 100), "javascript:alert(1)", 900)
	f.Add("\xff", "@here\n<!channel>", "http://", 4000)
	f.Fuzz(func(t *testing.T, title, text, address string, times int) {
		text = strings.Repeat(text, min(max(times, 1), 6000/(len(text)+1)+1))
		raw, err := slack(News{Title: title, Text: text, URL: address, Repository: title, Release: text})
		if err != nil || !utf8.Valid(raw) {
			t.Fatalf("%v: %q", err, raw)
		}
		var got struct {
			Text   string
			Blocks []slackBlock
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		bound := func(what, s string, limit int) {
			if n := len(utf16.Encode([]rune(s))); n > limit {
				t.Fatalf("%s has %d characters", what, n)
			}
			if what != "header" && (strings.Contains(s, "<!") || strings.Contains(s, "<@") || strings.Count(s, "<") > 1) {
				t.Fatalf("%s has a mark from outside: %q", what, s)
			}
		}
		bound("text", got.Text, longestText)
		for _, b := range got.Blocks {
			if b.Text != nil {
				bound(b.Type, b.Text.Text, map[string]int{"header": longestHeader, "section": longestSection}[b.Type])
			}
			for _, f := range b.Fields {
				bound("field", f.Text, longestField)
			}
		}
	})
}
