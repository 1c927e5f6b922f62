package actions

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func envOf(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// heard are the commands that a runner would obey, as actions/runner reads a log:
// a line is a command if it begins with ::, or holds ##[ anywhere.
func heard(log string) []string {
	var all []string
	stopped := ""
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\n")
		switch {
		case stopped != "":
			if strings.TrimSpace(line) == "::"+stopped+"::" {
				stopped = ""
			}
		case strings.HasPrefix(line, "::stop-commands::"):
			stopped = strings.TrimPrefix(line, "::stop-commands::")
		case strings.HasPrefix(strings.TrimLeft(line, " \t"), "::"), strings.Contains(line, "##["):
			all = append(all, line)
		}
	}
	return all
}

func TestPlainTextIsNeverACommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	j := Open(&out, envOf(nil))
	j.Mask("hunter2hunter2")
	fmt.Fprintln(j, "::error::from a build")
	j.Group("Build\nall")
	fmt.Fprint(j, "  ::set-output name=verdict::passed\nhalf a line ##[error]x")
	j.EndGroup()
	fmt.Fprintln(j, "::add-mask::a")
	j.Annotate(Annotation{Level: "error", File: "w.toml", Line: 3, Title: "no-zone", Message: "100% no\nzone"})
	fmt.Fprintln(j, "::"+"stop-commands::mine")
	want := []string{"::add-mask::hunter2hunter2", "::group::Build all", "::endgroup::", "::error file=w.toml,line=3,title=no-zone::100%25 no%0Azone"}
	if got := heard(out.String()); !slices.Equal(got, want) {
		t.Errorf("the runner hears\n%s\nwant\n%s\nin\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), out.String())
	}
}

func TestMasksAreGivenLineByLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	Open(&out, envOf(nil)).Mask("-----BEGIN KEY-----\r\nabcdef\n}\n", "", "abc", "one line")
	want := []string{"::add-mask::-----BEGIN KEY-----", "::add-mask::abcdef", "::add-mask::one line"}
	if got := heard(out.String()); !slices.Equal(got, want) {
		t.Errorf("masked %q, want %q", got, want)
	}
}

func TestOutputsCannotBeForged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "output")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := Open(&bytes.Buffer{}, envOf(map[string]string{"GITHUB_OUTPUT": path}))
	if err := j.SetOutput("verdict", "failed\nverdict=passed"); err != nil {
		t.Fatal(err)
	}
	if err := j.SetOutput("release", "x\n"+delimiter+"\nverdict=passed"); err == nil {
		t.Error("a value with the delimiter was taken")
	}
	for _, name := range []string{"", "a b", "a=b", "a\nb", "a<<b"} {
		if err := j.SetOutput(name, "x"); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	raw, _ := os.ReadFile(path)
	if got, want := string(raw), "verdict<<"+delimiter+"\nfailed\nverdict=passed\n"+delimiter+"\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestAMissingFileIsAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"not set": "", "no such folder": filepath.Join(t.TempDir(), "no", "file")} {
		j := Open(&bytes.Buffer{}, envOf(map[string]string{"GITHUB_OUTPUT": path, "GITHUB_STEP_SUMMARY": path}))
		if err := j.SetOutput("a", "b"); err == nil {
			t.Errorf("%s: an output went nowhere", name)
		}
		if err := j.Summarize("# a"); err == nil {
			t.Errorf("%s: a summary went nowhere", name)
		}
	}
}

func TestASummaryStaysWithinTheRunnersLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "summary")
	j := Open(&bytes.Buffer{}, envOf(map[string]string{"GITHUB_STEP_SUMMARY": path}))
	if err := j.Summarize(strings.Repeat("| a row of a table | ä |\n", 1<<16)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > summaryLimit || len(raw) < summaryLimit-1000 || !strings.HasSuffix(string(raw), strings.TrimRight(cutNote, "\n")+"\n") && !strings.Contains(string(raw), cutNote) {
		t.Errorf("%d bytes, ending in %q", len(raw), raw[len(raw)-80:])
	}
}

func FuzzCut(f *testing.F) {
	f.Add("ä line\nand another", 100)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 || limit > 1<<16 || !utf8.ValidString(text) {
			return
		}
		got := Cut(text, limit)
		if len(got) > limit && got != "" || !utf8.ValidString(got) {
			t.Fatalf("Cut(%q, %d) = %q", text, limit, got)
		}
	})
}

func TestWhereARunIs(t *testing.T) {
	t.Parallel()
	event := filepath.Join(t.TempDir(), "event.json")
	write := func(text string) {
		if err := os.WriteFile(event, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vars := map[string]string{
		"GITHUB_REPOSITORY": "tminus/app", "GITHUB_SHA": "merge", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "promote",
		"GITHUB_SERVER_URL": "https://ghe.example.com/", "GITHUB_API_URL": "https://ghe.example.com/api/v3", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": event,
	}
	write(`{"pull_request":{"number":7,"head":{"sha":"head","repo":{"full_name":"TMinus/app"}}}}`)
	w := ReadWhere(envOf(vars))
	if w.SHA != "head" || w.PullRequest != 7 || w.Fork || w.Run != (Run{ID: 42, Attempt: 2, Job: "promote", URL: "https://ghe.example.com/tminus/app/actions/runs/42/attempts/2"}) {
		t.Errorf("%+v", w)
	}
	write(`{"pull_request":{"number":7,"head":{"sha":"head","repo":{"full_name":"somebody/app"}}}}`)
	if w := ReadWhere(envOf(vars)); !w.Fork {
		t.Error("a fork was not seen")
	}
	write(`{"ref":"refs/heads/main"}`)
	if w := ReadWhere(envOf(vars)); w.SHA != "merge" || w.PullRequest != 0 || w.Fork {
		t.Errorf("%+v", w)
	}
	if w := ReadWhere(envOf(nil)); w.Server.API != "https://api.github.com" || w.Run.Attempt != 1 {
		t.Errorf("%+v", w)
	}
}
