package repository

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Endpoints are those about the repository itself.
func (r *Repo) Endpoints() []wire.Endpoint {
	const repo, read, pulls = "/repos/{owner}/{repo}", "contents:read", "pull_requests:read"
	return []wire.Endpoint{
		{Method: "GET", Path: repo, Needs: "metadata:read", Do: func(c *wire.Call) (wire.Answer, error) { return wire.OK(r.whole(c.Links)), nil }},
		{Method: "GET", Path: repo + "/git/ref/{ref...}", Needs: read, Do: r.getRef},
		{Method: "GET", Path: repo + "/contents/{path...}", Needs: read, Do: r.contents},
		{Method: "GET", Path: repo + "/branches", Needs: read, Do: r.branches},
		{Method: "GET", Path: repo + "/branches/{branch...}", Needs: read, Do: r.branch},
		{Method: "GET", Path: repo + "/pulls", Needs: pulls, Do: r.listPulls},
		{Method: "GET", Path: repo + "/pulls/{number}", Needs: pulls, Do: r.getPull},
		{Method: "GET", Path: repo + "/commits/{sha}/pulls", Needs: pulls, Do: r.pullsOfCommit},
	}
}

// Last are endpoints whose path would swallow others': the table must list them at its end.
func (r *Repo) Last() []wire.Endpoint {
	return []wire.Endpoint{{Method: "GET", Path: "/repos/{owner}/{repo}/commits/{ref...}", Needs: "contents:read", Do: r.getCommit}}
}

func treeOf(c *Commit) string { return hashOf("tree " + c.SHA) }

func hashOf(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (r *Repo) commitBody(l wire.Links, c *Commit) wire.Object {
	url, person := r.API(l)+"/commits/"+c.SHA, signature(c)
	person["date"] = wire.Time(c.At)
	parents := []wire.Object{}
	for _, sha := range []string{c.Parent, c.Merged} {
		if sha != "" {
			parents = append(parents, wire.Object{"sha": sha, "url": r.API(l) + "/commits/" + sha, "html_url": r.Web(l) + "/commit/" + sha})
		}
	}
	return wire.Object{
		"url": url, "sha": c.SHA, "node_id": "C_kwDO" + c.SHA[:12], "html_url": r.Web(l) + "/commit/" + c.SHA, "comments_url": url + "/comments",
		"commit": wire.Object{
			"url": r.API(l) + "/git/commits/" + c.SHA, "author": person, "committer": person, "message": c.Message, "comment_count": 0,
			"tree":         wire.Object{"sha": treeOf(c), "url": r.API(l) + "/git/trees/" + treeOf(c)},
			"verification": wire.Object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
		},
		"author": c.Author.Body(l), "committer": c.Author.Body(l), "parents": parents,
	}
}

func (r *Repo) getCommit(c *wire.Call) (wire.Answer, error) {
	commit, ok := r.Resolve(c.Param("ref"))
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.Param("ref"))
	}
	if strings.Contains(c.Header.Get("Accept"), ".sha") {
		return wire.Answer{Raw: []byte(commit.SHA), Kind: "application/vnd.github.sha; charset=utf-8"}, nil
	}
	return wire.OK(r.commitBody(c.Links, commit)), nil
}

func (r *Repo) getRef(c *wire.Call) (wire.Answer, error) {
	name := c.Param("ref")
	sha, ok := r.refs[name]
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	return wire.OK(wire.Object{
		"ref": "refs/" + name, "node_id": "REF_" + hashOf(name)[:12], "url": r.API(c.Links) + "/git/refs/" + name,
		"object": wire.Object{"type": "commit", "sha": sha, "url": r.API(c.Links) + "/git/commits/" + sha},
	}), nil
}

func (r *Repo) contents(c *wire.Call) (wire.Answer, error) {
	ref := c.Query("ref")
	if ref == "" {
		ref = r.Main
	}
	commit, ok := r.Resolve(ref)
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusNotFound, "No commit found for the ref %s", ref)
	}
	name := strings.Trim(c.Param("path"), "/")
	if text, ok := commit.Files[name]; ok {
		if accept := c.Header.Get("Accept"); strings.Contains(accept, ".raw") {
			return wire.Answer{Raw: []byte(text), Kind: "application/vnd.github.raw; charset=utf-8"}, nil
		}
		body := r.entry(c.Links, ref, name, "file", text)
		body["encoding"], body["content"] = "base64", lines(base64.StdEncoding.EncodeToString([]byte(text)))
		return wire.OK(body), nil
	}
	entries := []wire.Object{}
	for _, e := range below(commit, name) {
		kind, text := "dir", ""
		if t, ok := commit.Files[e]; ok {
			kind, text = "file", t
		}
		entries = append(entries, r.entry(c.Links, ref, e, kind, text))
	}
	if len(entries) == 0 {
		return wire.Answer{}, wire.NotFound()
	}
	return wire.OK(entries), nil
}

// below lists what lies directly in a folder.
func below(commit *Commit, folder string) []string {
	var found []string
	for name := range commit.Files {
		rest, ok := strings.CutPrefix(name, folder+"/")
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, "/")
		found = append(found, path.Join(folder, first))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (r *Repo) entry(l wire.Links, ref, name, kind, text string) wire.Object {
	sha := hashOf(fmt.Sprintf("blob %d\x00%s", len(text), text)) // as git names a file
	self, page := r.API(l)+"/contents/"+name+"?ref="+ref, r.Web(l)+"/blob/"+ref+"/"+name
	git := r.API(l) + "/git/blobs/" + sha
	return wire.Object{
		"type": kind, "size": len(text), "name": path.Base(name), "path": name, "sha": sha, "url": self, "git_url": git, "html_url": page,
		"download_url": r.Web(l) + "/raw/" + ref + "/" + name, "_links": wire.Object{"self": self, "git": git, "html": page},
	}
}

// lines breaks base64 the way GitHub does.
func lines(text string) string {
	var b strings.Builder
	for len(text) > 60 {
		b.WriteString(text[:60] + "\n")
		text = text[60:]
	}
	return b.String() + text + "\n"
}

func (r *Repo) branches(c *wire.Call) (wire.Answer, error) {
	var names []string
	for ref := range r.refs {
		if branch, ok := strings.CutPrefix(ref, "heads/"); ok {
			names = append(names, branch)
		}
	}
	slices.Sort(names)
	return wire.List(c, names, func(name string) wire.Object {
		sha := r.refs["heads/"+name]
		return wire.Object{"name": name, "protected": false, "commit": wire.Object{"sha": sha, "url": r.API(c.Links) + "/commits/" + sha}}
	})
}

func (r *Repo) branch(c *wire.Call) (wire.Answer, error) {
	name := c.Param("branch")
	commit, ok := r.commits[r.refs["heads/"+name]]
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusNotFound, "Branch not found")
	}
	self := r.API(c.Links) + "/branches/" + name
	return wire.OK(wire.Object{
		"name": name, "commit": r.commitBody(c.Links, commit), "protected": false, "protection": wire.Object{"enabled": false},
		"protection_url": self + "/protection", "_links": wire.Object{"self": self, "html": r.Web(c.Links) + "/tree/" + name},
	}), nil
}

// whole is the repository with what only its own endpoint tells.
func (r *Repo) whole(l wire.Links) wire.Object {
	b := r.Body(l)
	b["subscribers_count"], b["network_count"], b["temp_clone_token"] = 0, 0, nil
	b["organization"] = r.Owner.Body(l)
	return b
}
