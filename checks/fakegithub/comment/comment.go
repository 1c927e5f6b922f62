package comment

import (
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// MaxBody is the longest comment, in characters.
const MaxBody = 65536

// Comment is a remark under a pull request (Pull) or a commit (SHA).
type Comment struct {
	ID            int64
	Pull          int64
	SHA           string
	Path          *string
	Line          *int
	Position      *int
	Body          string
	By            identity.Actor
	Made, Changed time.Time
}

// Comments are all of them, in the order they were made.
type Comments struct {
	All  []*Comment
	Repo *repository.Repo
	Who  *identity.Directory
}

// Endpoints are those for comments.
func (cs *Comments) Endpoints() []wire.Endpoint {
	const repo, read, write = "/repos/{owner}/{repo}", "issues:read|pull_requests:read", "issues:write|pull_requests:write"
	return []wire.Endpoint{
		{Method: "POST", Path: repo + "/issues/{number}/comments", Needs: write, Do: cs.create},
		{Method: "GET", Path: repo + "/issues/{number}/comments", Needs: read, Do: cs.list},
		{Method: "GET", Path: repo + "/issues/comments/{comment}", Needs: read, Do: cs.get},
		{Method: "PATCH", Path: repo + "/issues/comments/{comment}", Needs: write, Do: cs.update},
		{Method: "DELETE", Path: repo + "/issues/comments/{comment}", Needs: write, Do: cs.remove},
		{Method: "POST", Path: repo + "/commits/{sha}/comments", Needs: "contents:write", Do: cs.createOnCommit},
		{Method: "GET", Path: repo + "/commits/{sha}/comments", Needs: "contents:read", Do: cs.listOnCommit},
		{Method: "GET", Path: repo + "/comments/{comment}", Needs: "contents:read", Do: cs.getOnCommit},
		{Method: "PATCH", Path: repo + "/comments/{comment}", Needs: "contents:write", Do: cs.updateOnCommit},
	}
}

func (cs *Comments) body(l wire.Links, c *Comment) wire.Object {
	url := fmt.Sprintf("%s/issues/comments/%d", cs.Repo.API(l), c.ID)
	return wire.Object{
		"id": c.ID, "node_id": fmt.Sprintf("IC_kwDO%08x", c.ID), "url": url, "html_url": fmt.Sprintf("%s/pull/%d#issuecomment-%d", cs.Repo.Web(l), c.Pull, c.ID),
		"issue_url": fmt.Sprintf("%s/issues/%d", cs.Repo.API(l), c.Pull), "body": c.Body, "user": c.By.Body(l), "created_at": wire.Time(c.Made),
		"updated_at": wire.Time(c.Changed), "author_association": association(c.By), "performed_via_github_app": c.By.Through(l),
	}
}

func association(by identity.Actor) string {
	if by.Kind == "User" && by.Permission != "none" {
		return "MEMBER"
	}
	return "NONE"
}

type input struct {
	Body *string `json:"body"`
}

func (in input) check() error {
	switch {
	case in.Body == nil:
		return wire.Missing("body")
	case *in.Body == "":
		return wire.Invalid("IssueComment", "body", "custom", "Body cannot be blank")
	case utf8.RuneCountInString(*in.Body) > MaxBody:
		return wire.Invalid("IssueComment", "body", "unprocessable", "Body is too long (maximum is %d characters)", MaxBody)
	}
	return nil
}

func (cs *Comments) create(c *wire.Call) (wire.Answer, error) {
	pull, ok := cs.Repo.Pull(c.ID("number"))
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	var in input
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	if err := in.check(); err != nil {
		return wire.Answer{}, err
	}
	now := cs.Who.Now()
	made := &Comment{ID: cs.Who.NewID(), Pull: pull.Number, Body: *in.Body, By: cs.Who.Who(c).Actor, Made: now, Changed: now}
	cs.All = append(cs.All, made)
	return wire.Created(cs.body(c.Links, made)), nil
}

func (cs *Comments) list(c *wire.Call) (wire.Answer, error) {
	pull, ok := cs.Repo.Pull(c.ID("number"))
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	since, err := time.Parse(time.RFC3339, c.Query("since"))
	if err != nil && c.Query("since") != "" {
		return wire.Answer{}, wire.Malformed("since", "invalid", "since is not a time")
	}
	var found []*Comment
	for _, o := range cs.All {
		if o.Pull == pull.Number && !o.Changed.Before(since) {
			found = append(found, o)
		}
	}
	return wire.List(c, found, func(o *Comment) wire.Object { return cs.body(c.Links, o) })
}

// one finds a comment, under a commit or under a pull request.
func (cs *Comments) one(c *wire.Call, commit bool) (*Comment, error) {
	for _, o := range cs.All {
		if o.ID == c.ID("comment") && (o.Pull == 0) == commit {
			return o, nil
		}
	}
	return nil, wire.NotFound()
}

func (cs *Comments) get(c *wire.Call) (wire.Answer, error) {
	o, err := cs.one(c, false)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(cs.body(c.Links, o)), nil
}

// own refuses whoever neither wrote the comment nor may write to the repository.
func (cs *Comments) own(c *wire.Call, commit bool) (*Comment, error) {
	o, err := cs.one(c, commit)
	if err != nil {
		return nil, err
	}
	by := cs.Who.Who(c).Actor
	if by.User != o.By.User && by.App == nil && by.Permission != "write" && by.Permission != "admin" {
		return nil, wire.Fail(http.StatusForbidden, "Must have admin rights to Repository.")
	}
	return o, nil
}

func (cs *Comments) update(c *wire.Call) (wire.Answer, error) {
	o, err := cs.change(c, false)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(cs.body(c.Links, o)), nil
}

// change gives a comment other words.
func (cs *Comments) change(c *wire.Call, commit bool) (*Comment, error) {
	o, err := cs.own(c, commit)
	if err != nil {
		return nil, err
	}
	var in input
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	o.Body, o.Changed = *in.Body, cs.Who.Now()
	return o, nil
}

func (cs *Comments) remove(c *wire.Call) (wire.Answer, error) {
	o, err := cs.own(c, false)
	if err != nil {
		return wire.Answer{}, err
	}
	cs.All = slices.DeleteFunc(cs.All, func(other *Comment) bool { return other == o })
	return wire.None(), nil
}
