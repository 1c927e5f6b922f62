package markdown

import (
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// rendered is a text as GitHub would show it, near enough: with tables, without HTML.
func rendered(t testing.TB, text string) string {
	t.Helper()
	var b strings.Builder
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatComesFromOutsideIsTextAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"**bold** _it_ ~~no~~", "[a](https://evil.example)", "<img src=x onerror=y>", "a | b\nc", "`code` and ```", "# no title", "&lt;b&gt;", `back\slash`, "![x](y)", "$math$", "https://evil.example/x"} {
		html := rendered(t, "- "+Escape(text))
		for _, tag := range []string{"<strong", "<em", "<del", "<img", "<code", "<h1", "<b>"} {
			if strings.Contains(html, tag) {
				t.Errorf("%q became %s", text, html)
			}
		}
		if table := rendered(t, "| a | b |\n|---|---|\n| "+Escape(text)+" | x |\n"); strings.Count(table, "<td>") != 2 {
			t.Errorf("%q breaks out of its cell: %s", text, table)
		}
	}
	for _, text := range []string{"@octocat", "fixes #12", "mail to a@b.example"} {
		if got := Escape(text); strings.Contains(got, "@o") || strings.Contains(got, "#1") || strings.Contains(got, "@b") {
			t.Errorf("%q mentions somebody or something: %q", text, got)
		}
	}
}

func TestCodeStaysCode(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a`b", "``", "workers/api/wrangler.toml:3", "a | b"} {
		html := rendered(t, "x "+Code(text)+" y")
		if strings.Count(html, "<code>") != 1 || !strings.Contains(html, "</code> y") {
			t.Errorf("%q became %s", text, html)
		}
	}
	if html := rendered(t, Block("", "a\n```\n<b>\n````\n")+"after"); strings.Count(html, "<pre>") != 1 || !strings.Contains(html, "<p>after</p>") || !strings.Contains(html, "&lt;b&gt;") {
		t.Errorf("the block ends early: %s", html)
	}
}

func TestTasksAndFindings(t *testing.T) {
	t.Parallel()
	table := Tasks([]pipeline.Did{{Task: "Upload a|b", Verdict: pipeline.Passed, Took: 1200 * time.Millisecond, Outcome: "version 1"}, {Task: "Switch", Verdict: pipeline.Cancelled, Outcome: "not begun"}})
	if want := "| | Task | Took | |\n|---|---|---:|---|\n| ✅ | Upload a\\|b | 1.2 s | version 1 |\n| 🚫 | Switch |  | not begun |\n"; table != want {
		t.Errorf("got\n%s\nwant\n%s", table, want)
	}
	l := Links{Base: "https://github.com/a/b/blob/sha", Folder: "apps/my site"}
	text := l.Findings([]finding.Finding{finding.Errorf("no-zone", finding.Position{File: "workers/api/wrangler.toml", Line: 3, EndLine: 5}, "no zone").Hintf("add it").See(finding.Position{File: "x.toml"})})
	want := "- ❌ [`workers/api/wrangler.toml:3`](https://github.com/a/b/blob/sha/apps/my%20site/workers/api/wrangler.toml#L3-L5) no zone `no-zone`\n  - see [`x.toml`](https://github.com/a/b/blob/sha/apps/my%20site/x.toml)\n  - **→** add it\n"
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if got := (Links{}).At(finding.Position{File: "x.toml", Line: 2}); got != "`x.toml:2`" {
		t.Errorf("without a repository: %s", got)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a | <b> `c` @d \\| [e](f)")
	f.Fuzz(func(t *testing.T, text string) {
		html := rendered(t, "| a | b |\n|---|---|\n| "+Escape(text)+" | x |\n")
		if strings.Count(html, "<td>")+strings.Count(html, "<td ") != 2 {
			t.Fatalf("%q breaks out of its cell: %s", text, html)
		}
	})
}
