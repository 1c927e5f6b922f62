package fakegithub

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/check"
	"github.com/tminus/deploy-action/checks/fakegithub/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/page"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// pages are what a person looks at. They need no token.
func (s *Server) pages() []wire.Endpoint {
	return []wire.Endpoint{
		{Method: "GET", Path: "/{owner}/{repo}/commit/{sha}/checks", Needs: identity.Anyone, Do: s.checksPage},
		{Method: "GET", Path: "/{owner}/{repo}/commit/{sha}", Needs: identity.Anyone, Do: s.checksPage},
		{Method: "GET", Path: "/{owner}/{repo}/runs/{run}", Needs: identity.Anyone, Do: s.runPage},
		{Method: "POST", Path: "/{owner}/{repo}/runs/{run}/press", Needs: identity.Anyone, Do: s.pressOnPage},
	}
}

func (s *Server) checksPage(c *wire.Call) (wire.Answer, error) {
	commit, ok := s.repo.Resolve(c.Param("sha"))
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	shown := page.Commit{Repo: s.repo.FullName(), Base: "/" + s.repo.FullName(), SHA: commit.SHA, Message: commit.Message}
	s.showRuns(&shown, c.Query("check_run_id"))
	for _, d := range slices.Backward(s.deployments.All) {
		if d.SHA == commit.SHA {
			shown.Deployments = append(shown.Deployments, showDeployment(d))
		}
	}
	drawn, err := page.New()
	if err != nil {
		return wire.Answer{}, err
	}
	html, err := drawn.Draw(shown)
	return wire.Answer{Raw: html, Kind: "text/html; charset=utf-8"}, err
}

// showRuns groups the latest run of each name by App, and chooses one: the one
// asked for, else the first that failed, else the first of all.
func (s *Server) showRuns(shown *page.Commit, asked string) {
	var all []*page.Run
	for _, r := range s.checks.On(shown.SHA) {
		run := s.showRun(r)
		shown.Live = shown.Live || r.Status != "completed"
		again := slices.IndexFunc(all, func(o *page.Run) bool { return o.Name == run.Name && o.App == run.App })
		if again >= 0 {
			all[again] = run
			continue
		}
		all = append(all, run)
	}
	shown.Live = shown.Live || len(all) == 0
	for _, run := range all {
		first := shown.Selected == nil || asked == "" && run.Conclusion == "failure" && shown.Selected.Conclusion != "failure"
		if fmt.Sprint(run.ID) == asked || first && (shown.Selected == nil || fmt.Sprint(shown.Selected.ID) != asked) {
			shown.Selected = run
		}
		group := slices.IndexFunc(shown.Groups, func(g page.Group) bool { return g.App == run.App })
		if group < 0 {
			group = len(shown.Groups)
			shown.Groups = append(shown.Groups, page.Group{App: run.App})
		}
		shown.Groups[group].Runs = append(shown.Groups[group].Runs, run)
	}
	if shown.Selected != nil {
		shown.Selected.Chosen = true
	}
}

func (s *Server) showRun(r *check.Run) *page.Run {
	run := &page.Run{
		ID: r.ID, Name: r.Name, App: r.App.Name, Status: r.Status, Conclusion: r.Conclusion, Started: r.Started, Completed: r.Completed,
		Title: text(r.Title), Summary: text(r.Summary), Text: text(r.Text),
	}
	for _, a := range r.Annotations {
		place := fmt.Sprintf("%s:%d", a.Path, a.StartLine)
		link := fmt.Sprintf("%s/blob/%s/%s#L%d", s.repo.Web(s.links), r.SHA, a.Path, a.StartLine)
		if a.EndLine != a.StartLine {
			place += fmt.Sprintf("-%d", a.EndLine)
		}
		run.Annotations = append(run.Annotations, page.Annotation{
			Level: a.Level, Place: place, Title: text(a.Title), Message: a.Message, Raw: text(a.RawDetails), Link: link,
		})
	}
	if r.Status == "completed" { // GitHub shows the buttons no sooner
		for _, a := range r.Actions {
			run.Actions = append(run.Actions, page.Action(a))
		}
	}
	return run
}

func showDeployment(d *deployment.Deployment) page.Deployment {
	shown := page.Deployment{Environment: d.Environment, State: d.State(), Task: d.Task, Creator: d.By.Login}
	for _, st := range d.Statuses {
		shown.Statuses = append(shown.Statuses, page.Status{State: st.State, Description: st.Description, LogURL: st.LogURL, At: st.At.UTC().Format(time.TimeOnly)})
		if st.EnvironmentURL != "" {
			shown.URL = st.EnvironmentURL
		}
	}
	return shown
}

// runPage leads to the run on the page of its commit.
func (s *Server) runPage(c *wire.Call) (wire.Answer, error) {
	run, ok := s.checks.ByID(c.ID("run"))
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	return s.seeOther(run), nil
}

func (s *Server) seeOther(run *check.Run) wire.Answer {
	to := fmt.Sprintf("/%s/commit/%s/checks?check_run_id=%d", s.repo.FullName(), run.SHA, run.ID)
	return wire.Answer{Status: http.StatusSeeOther, Header: http.Header{"Location": {to}}, Kind: "text/html; charset=utf-8"}
}

// pressOnPage is a button pressed by whoever sits at the browser, octocat when nobody signed in.
func (s *Server) pressOnPage(c *wire.Call) (wire.Answer, error) {
	if from := c.Header.Get("Origin"); from != "" && from != strings.TrimSuffix(c.Web, "/") {
		return wire.Answer{}, wire.Fail(http.StatusForbidden, "a button can only be pressed on its own page")
	}
	form, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return wire.Answer{}, wire.Fail(http.StatusBadRequest, "Problems parsing the form")
	}
	who := s.flow.User
	if who == nil {
		who = s.who.User("octocat")
	}
	if err := s.checks.Press(s.links, c.ID("run"), form.Get("identifier"), who); err != nil {
		return wire.Answer{}, err
	}
	run, _ := s.checks.ByID(c.ID("run"))
	return s.seeOther(run), nil
}
