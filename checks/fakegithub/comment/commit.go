package comment

import (
	"fmt"
	"net/http"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

func (cs *Comments) commitBody(l wire.Links, c *Comment) wire.Object {
	return wire.Object{
		"id": c.ID, "node_id": fmt.Sprintf("CC_kwDO%08x", c.ID), "url": fmt.Sprintf("%s/comments/%d", cs.Repo.API(l), c.ID),
		"html_url": fmt.Sprintf("%s/commit/%s#commitcomment-%d", cs.Repo.Web(l), c.SHA, c.ID), "body": c.Body, "path": c.Path, "line": c.Line,
		"position": c.Position, "commit_id": c.SHA, "user": c.By.Body(l), "created_at": wire.Time(c.Made), "updated_at": wire.Time(c.Changed),
		"author_association": association(c.By),
	}
}

func (cs *Comments) createOnCommit(c *wire.Call) (wire.Answer, error) {
	commit, ok := cs.Repo.Resolve(c.Param("sha"))
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.Param("sha"))
	}
	var in struct {
		input
		Path     *string `json:"path"`
		Line     *int    `json:"line"`
		Position *int    `json:"position"`
	}
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	if err := in.check(); err != nil {
		return wire.Answer{}, err
	}
	now := cs.Who.Now()
	made := &Comment{
		ID: cs.Who.NewID(), SHA: commit.SHA, Path: in.Path, Line: in.Line, Position: in.Position, Body: *in.Body, By: cs.Who.Who(c).Actor, Made: now, Changed: now,
	}
	cs.All = append(cs.All, made)
	return wire.Created(cs.commitBody(c.Links, made)), nil
}

func (cs *Comments) listOnCommit(c *wire.Call) (wire.Answer, error) {
	commit, ok := cs.Repo.Resolve(c.Param("sha"))
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.Param("sha"))
	}
	var found []*Comment
	for _, o := range cs.All {
		if o.SHA == commit.SHA {
			found = append(found, o)
		}
	}
	return wire.List(c, found, func(o *Comment) wire.Object { return cs.commitBody(c.Links, o) })
}

func (cs *Comments) getOnCommit(c *wire.Call) (wire.Answer, error) {
	o, err := cs.one(c, true)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(cs.commitBody(c.Links, o)), nil
}

func (cs *Comments) updateOnCommit(c *wire.Call) (wire.Answer, error) {
	o, err := cs.change(c, true)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(cs.commitBody(c.Links, o)), nil
}
