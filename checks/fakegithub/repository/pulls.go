package repository

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

func (r *Repo) side(l wire.Links, branch, sha string) wire.Object {
	return wire.Object{
		"label": r.Owner.Login + ":" + branch, "ref": branch, "sha": sha, "user": r.Owner.Body(l), "repo": r.Body(l),
	}
}

func (r *Repo) pullBody(l wire.Links, p *Pull) wire.Object {
	url, issue := fmt.Sprintf("%s/pulls/%d", r.API(l), p.Number), fmt.Sprintf("%s/issues/%d", r.API(l), p.Number)
	page, statuses := fmt.Sprintf("%s/pull/%d", r.Web(l), p.Number), r.API(l)+"/statuses/"+p.HeadSHA
	href := func(to string) wire.Object { return wire.Object{"href": to} }
	return wire.Object{
		"url": url, "id": p.ID, "node_id": fmt.Sprintf("PR_kwDO%08x", p.ID), "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"issue_url": issue, "commits_url": url + "/commits", "review_comments_url": url + "/comments", "review_comment_url": r.API(l) + "/pulls/comments{/number}",
		"comments_url": issue + "/comments", "statuses_url": statuses, "number": p.Number, "state": "open", "locked": false, "title": p.Title,
		"user": p.Author.Body(l), "body": nil, "labels": []any{}, "milestone": nil, "active_lock_reason": nil, "created_at": wire.Time(p.At),
		"updated_at": wire.Time(p.At), "closed_at": nil, "merged_at": nil, "merge_commit_sha": nil, "assignee": nil, "assignees": []any{},
		"requested_reviewers": []any{}, "requested_teams": []any{}, "head": r.side(l, p.Head, p.HeadSHA), "base": r.side(l, p.Base, r.refs["heads/"+p.Base]),
		"author_association": "MEMBER", "auto_merge": nil, "draft": false,
		"_links": wire.Object{
			"self": href(url), "html": href(page), "issue": href(issue), "comments": href(issue + "/comments"), "review_comments": href(url + "/comments"),
			"review_comment": href(r.API(l) + "/pulls/comments{/number}"), "commits": href(url + "/commits"), "statuses": href(statuses),
		},
	}
}

func (r *Repo) getPull(c *wire.Call) (wire.Answer, error) {
	p, ok := r.Pull(c.ID("number"))
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	b := r.pullBody(c.Links, p)
	maps.Copy(b, wire.Object{
		"merged": false, "mergeable": true, "rebaseable": true, "mergeable_state": "clean", "merged_by": nil, "comments": 0, "review_comments": 0,
		"maintainer_can_modify": false, "commits": 1, "additions": 1, "deletions": 0, "changed_files": 1,
	})
	return wire.OK(b), nil
}

func (r *Repo) listPulls(c *wire.Call) (wire.Answer, error) {
	var found []*Pull
	for _, p := range slices.Backward(r.Pulls) {
		head, base := c.Query("head"), c.Query("base")
		if state := c.Query("state"); state != "closed" && (head == "" || head == r.Owner.Login+":"+p.Head) && (base == "" || base == p.Base) {
			found = append(found, p)
		}
	}
	return wire.List(c, found, func(p *Pull) wire.Object { return r.pullBody(c.Links, p) })
}

func (r *Repo) pullsOfCommit(c *wire.Call) (wire.Answer, error) {
	commit, ok := r.Resolve(c.Param("sha"))
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.Param("sha"))
	}
	var found []*Pull
	for _, p := range r.Pulls {
		if r.Holds(p.HeadSHA, commit.SHA) && !r.Holds(r.refs["heads/"+p.Base], commit.SHA) {
			found = append(found, p)
		}
	}
	return wire.List(c, found, func(p *Pull) wire.Object { return r.pullBody(c.Links, p) })
}
