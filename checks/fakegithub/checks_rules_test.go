package fakegithub_test

import (
	"fmt"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

func annotations(n int, each string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(each+",", n), ",") + "]"
}

func annotation(more string) string {
	return `{"name":"n","head_sha":"SHA","output":{"title":"t","summary":"s","annotations":[{"path":"a","message":"m","annotation_level":"notice",` + more + `}]}}`
}

func TestWhatARunMayNotBe(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	const fine = `{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"}`
	for _, test := range []struct{ name, body, want string }{
		{"no name", `{"head_sha":"SHA"}`, `"name" wasn't supplied`},
		{"an empty name", `{"name":"","head_sha":"SHA"}`, "name can't be blank"},
		{"no commit", `{"name":"n"}`, `"head_sha" wasn't supplied`},
		{"an unknown commit", `{"name":"n","head_sha":"` + strings.Repeat("0", 40) + `"}`, "No commit found for SHA: 0000"},
		{"a shortened commit", `{"name":"n","head_sha":"SHORT"}`, "No commit found for SHA"},
		{"a branch for a commit", `{"name":"n","head_sha":"main"}`, "No commit found for SHA: main"},
		{"an unknown field", `{"name":"n","head_sha":"SHA","colour":"red"}`, `\"colour\" is not a permitted key`},
		{"a field by another case", `{"Name":"n","head_sha":"SHA"}`, `\"Name\" is not a permitted key`},
		{"an unknown field of the output", `{"name":"n","head_sha":"SHA","output":{"title":"t","summary":"s","extra":1}}`, `output.extra`},
		{"a number for a name", `{"name":7,"head_sha":"SHA"}`, "a number is not a string"},
		{"a status only Actions sets", `{"name":"n","head_sha":"SHA","status":"waiting"}`, "waiting is not a possible value"},
		{"completed without a conclusion", `{"name":"n","head_sha":"SHA","status":"completed"}`, `"conclusion" wasn't supplied`},
		{"an end without a conclusion", `{"name":"n","head_sha":"SHA","completed_at":"2026-01-01T00:00:00Z"}`, `"conclusion" wasn't supplied`},
		{"stale", `{"name":"n","head_sha":"SHA","conclusion":"stale"}`, "stale is not a possible value"},
		{"an unknown conclusion", `{"name":"n","head_sha":"SHA","conclusion":"fine"}`, "fine is not a possible value"},
		{"a time that is none", `{"name":"n","head_sha":"SHA","started_at":"yesterday"}`, "not a valid date-time"},
		{"an address that is none", `{"name":"n","head_sha":"SHA","details_url":"ftp://x"}`, "details_url must use http"},
		{"output without a title", `{"name":"n","head_sha":"SHA","output":{"summary":"s"}}`, "output.title"},
		{"output without a summary", `{"name":"n","head_sha":"SHA","output":{"title":"t"}}`, "output.summary"},
		{"a summary of too many bytes", `{"name":"n","head_sha":"SHA","output":{"title":"t","summary":"` + strings.Repeat("é", 32768) + `"}}`, "summary exceeds a maximum bytesize of 65535"},
		{"a text of too many bytes", `{"name":"n","head_sha":"SHA","output":{"title":"t","summary":"s","text":"` + strings.Repeat("x", 65536) + `"}}`, "text exceeds a maximum bytesize of 65535"},
		{"51 annotations", `{"name":"n","head_sha":"SHA","output":{"title":"t","summary":"s","annotations":` + annotations(51, fine) + `}}`, "No more than 50 items"},
		{"a level of error", strings.Replace(annotation(`"start_line":1,"end_line":1`), "notice", "error", 1), "error is not a possible value"},
		{"a line 0", annotation(`"start_line":0,"end_line":1`), "lines start at 1"},
		{"an end before the beginning", annotation(`"start_line":3,"end_line":2`), "end_line must not be before"},
		{"columns over lines", annotation(`"start_line":1,"end_line":2,"start_column":1`), "columns can only be given"},
		{"a column 0", annotation(`"start_line":1,"end_line":1,"start_column":0`), "columns start at 1"},
		{"a column before the first", annotation(`"start_line":1,"end_line":1,"start_column":5,"end_column":4`), "end_column must not be before"},
		{"a long annotation title", annotation(`"start_line":1,"end_line":1,"title":"` + strings.Repeat("é", 256) + `"`), "maximum is 255 characters"},
		{"a long message", strings.Replace(annotation(`"start_line":1,"end_line":1`), `"m"`, `"`+strings.Repeat("m", 65537)+`"`, 1), "message exceeds"},
		{"long raw details", annotation(`"start_line":1,"end_line":1,"raw_details":"` + strings.Repeat("m", 65537) + `"`), "raw_details exceeds"},
		{"a path from the root", strings.Replace(annotation(`"start_line":1,"end_line":1`), `"a"`, `"/a"`, 1), "relative"},
		{"four buttons", `{"name":"n","head_sha":"SHA","actions":` + annotations(4, `{"label":"l","description":"d","identifier":"i"}`) + `}`, "No more than 3 items"},
		{"a long label", `{"name":"n","head_sha":"SHA","actions":[{"label":"123456789012345678901","description":"d","identifier":"i"}]}`, "Only 20 characters are allowed; 21"},
		{"a long description", `{"name":"n","head_sha":"SHA","actions":[{"label":"l","description":"` + strings.Repeat("d", 41) + `","identifier":"i"}]}`, "Only 40 characters"},
		{"a long identifier", `{"name":"n","head_sha":"SHA","actions":[{"label":"l","description":"d","identifier":"123456789012345678901"}]}`, "Only 20 characters"},
		{"a button without identifier", `{"name":"n","head_sha":"SHA","actions":[{"label":"l","description":"d"}]}`, "actions.identifier"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sha := h.Head("main")
			body := strings.NewReplacer("SHA", sha, "SHORT", sha[:10]).Replace(strings.ReplaceAll(test.body, "SHORT", sha[:10]))
			r := h.must(422, "POST R/check-runs", body)
			if got := r.Raw + r.message(); !strings.Contains(got, test.want) {
				t.Errorf("said %s, want %s", got, test.want)
			}
		})
	}
	if runs := h.Runs(""); len(runs) != 0 {
		t.Errorf("%d runs were made all the same", len(runs))
	}
}

func TestWhatFitsExactly(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	for name, body := range map[string]string{
		"a summary of just so many bytes": `{"name":"a","head_sha":"SHA","output":{"title":"t","summary":"` + strings.Repeat("é", 32767) + `x"}}`,
		"50 annotations":                  `{"name":"b","head_sha":"SHA","output":{"title":"t","summary":"","annotations":` + annotations(50, `{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"}`) + `}}`,
		"buttons of just so many letters": `{"name":"c","head_sha":"SHA","actions":` + annotations(3, `{"label":"`+strings.Repeat("é", 20)+`","description":"`+strings.Repeat("d", 40)+`","identifier":"`+strings.Repeat("i", 20)+`"}`) + `}`,
	} {
		t.Run(name, func(t *testing.T) { h.must(201, "POST R/check-runs", strings.ReplaceAll(body, "SHA", h.Head("main"))) })
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	id := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q}`, h.Head("main"))).text("id")
	for _, test := range []struct{ name, body, want string }{
		{"an empty name", `{"name":"","status":"in_progress"}`, "name can't be blank"},
		{"another commit", fmt.Sprintf(`{"head_sha":%q}`, h.Head("main")), "not a permitted key"},
		{"output without a summary", `{"output":{"title":"t"}}`, "output.summary"},
		{"completed without a conclusion", `{"status":"completed"}`, "conclusion"},
		{"pending", `{"status":"pending"}`, "pending is not a possible value"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := h.must(422, "PATCH R/check-runs/"+id, test.body); !strings.Contains(r.Raw, test.want) {
				t.Errorf("said %s, want %s", r.Raw, test.want)
			}
		})
	}
	h.must(400, "PATCH R/check-runs/"+id, `{`)
	h.must(400, "PATCH R/check-runs/"+id, `[]`)
	h.must(404, "PATCH R/check-runs/1", `{}`)
	if run := h.Runs("")[0]; run.Name != "n" || run.Status != "queued" || run.Updates != 0 {
		t.Errorf("the run became %+v", run)
	}
	h.must(200, "PATCH R/check-runs/"+id, `{"conclusion":"success"}`)
	if r := h.must(200, "PATCH R/check-runs/"+id, `{"status":"in_progress"}`); r.text("conclusion") != "null" || r.text("completed_at") != "null" {
		t.Errorf("begun again as %s", r.Raw)
	}
}

func TestListingRuns(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	sha := h.Commit("feature/x", "Work", map[string]string{"a": "1"})
	make := func(h *house, name, more string) string {
		return h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":%q,"head_sha":%q%s}`, name, sha, more)).text("id")
	}
	make(h, "lint", `,"conclusion":"failure"`)
	second := make(h, "lint", "")
	make(h, "build", `,"status":"in_progress"`)
	for query, want := range map[string]string{
		"": "build lint", "?filter=all": "build lint lint", "?check_name=lint": "lint", "?status=queued": "lint", "?status=completed": "",
		"?filter=all&status=completed": "lint", "?app_id=15368": "build lint", "?app_id=7": "", "?per_page=1&page=2": "lint",
	} {
		r := h.must(200, "GET R/commits/feature%2Fx/check-runs"+query, "")
		var names []string
		for _, run := range r.Object["check_runs"].([]any) {
			names = append(names, run.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
		if query == "?check_name=lint" && !strings.Contains(r.Raw, second) {
			t.Errorf("the latest is not the second: %s", r.Raw)
		}
	}
	h.must(422, "GET R/commits/nowhere/check-runs", "")
	h.must(422, "GET R/commits/main/check-runs?filter=newest", "")
	link := h.must(200, "GET R/commits/"+sha+"/check-runs?filter=all&per_page=1&page=2", "").Header.Get("Link")
	for _, rel := range []string{`page=1&per_page=1>; rel="prev"`, `page=3&per_page=1>; rel="next"`, `page=3&per_page=1>; rel="last"`, `page=1&per_page=1>; rel="first"`} {
		if !strings.Contains(link, rel) {
			t.Errorf("Link is %s, want %s", link, rel)
		}
	}
}

func TestASuiteIsAsBadAsItsWorstRun(t *testing.T) {
	t.Parallel()
	for conclusions, want := range map[string]string{
		"success success": "success", "success neutral": "neutral", "success failure cancelled": "failure", "skipped success": "success",
		"timed_out success": "timed_out", "skipped": "skipped", "success -": "in_progress", "-": "queued",
	} {
		t.Run(conclusions, func(t *testing.T) {
			t.Parallel()
			h := open(t, fake.Options{})
			var suite string
			for i, c := range strings.Fields(conclusions) {
				more := fmt.Sprintf(`,"conclusion":%q`, c)
				if c == "-" {
					more = ""
				}
				suite = h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n%d","head_sha":%q%s}`, i, h.Head("main"), more)).text("check_suite.id")
			}
			r := h.must(200, "GET R/check-suites/"+suite, "")
			if got := r.text("conclusion"); got != want && r.text("status") != want {
				t.Errorf("the suite is %s %s", r.text("status"), got)
			}
		})
	}
}
