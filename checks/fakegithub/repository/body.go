package repository

import (
	"fmt"
	"maps"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// places are the addresses below the repository's own that its body lists.
var places = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
	"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
	"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}",
	"contributors_url": "/contributors", "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
	"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
	"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}",
	"keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
	"milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
	"releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers",
	"subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}", "hooks_url": "/hooks",
}

// Minimal shows the repository as answers embed it.
func (r *Repo) Minimal(l wire.Links) wire.Object {
	b := wire.Object{
		"id": r.ID, "node_id": fmt.Sprintf("R_kgDO%08x", r.ID), "name": r.Name, "full_name": r.FullName(), "owner": r.Owner.Body(l),
		"private": r.Private, "html_url": r.Web(l), "description": nil, "fork": false, "url": r.API(l),
	}
	for key, path := range places {
		b[key] = r.API(l) + path
	}
	return b
}

// Body shows the whole repository.
func (r *Repo) Body(l wire.Links) wire.Object {
	b := r.Minimal(l)
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	web := r.Web(l)
	maps.Copy(b, wire.Object{
		"git_url": "git:" + web + ".git", "ssh_url": "git@" + r.FullName() + ".git", "clone_url": web + ".git", "svn_url": web, "mirror_url": nil,
		"homepage": nil, "language": "Go", "license": nil, "forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0,
		"size": len(r.commits), "default_branch": r.Main, "open_issues_count": len(r.Pulls), "open_issues": len(r.Pulls), "is_template": false,
		"topics": []string{}, "has_issues": true, "has_projects": true, "has_wiki": false, "has_pages": false, "has_downloads": true,
		"has_discussions": false, "archived": false, "disabled": false, "visibility": visibility, "allow_forking": true,
		"web_commit_signoff_required": false, "custom_properties": wire.Object{}, "pushed_at": wire.Time(r.Made), "created_at": wire.Time(r.Made), "updated_at": wire.Time(r.Made),
	})
	return b
}

// Organization shows the owner as payloads do.
func (r *Repo) Organization(l wire.Links) wire.Object {
	url := l.API + "/orgs/" + r.Owner.Login
	return wire.Object{
		"login": r.Owner.Login, "id": r.Owner.ID, "node_id": fmt.Sprintf("O_kgDO%08x", r.Owner.ID), "url": url, "repos_url": url + "/repos",
		"events_url": url + "/events", "hooks_url": url + "/hooks", "issues_url": url + "/issues", "members_url": url + "/members{/member}",
		"public_members_url": url + "/public_members{/member}", "avatar_url": fmt.Sprintf("%s/avatars/u/%d", l.Web, r.Owner.ID), "description": nil,
	}
}

// PullsOf lists the pull requests whose head is a commit, as check runs embed them.
func (r *Repo) PullsOf(l wire.Links, sha string) []wire.Object {
	all := []wire.Object{}
	for _, p := range r.Pulls {
		if p.HeadSHA == sha {
			all = append(all, r.pullMinimal(l, p))
		}
	}
	return all
}

func (r *Repo) pullMinimal(l wire.Links, p *Pull) wire.Object {
	repo := wire.Object{"id": r.ID, "url": r.API(l), "name": r.Name}
	return wire.Object{
		"id": p.ID, "number": p.Number, "url": fmt.Sprintf("%s/pulls/%d", r.API(l), p.Number),
		"head": wire.Object{"ref": p.Head, "sha": p.HeadSHA, "repo": repo},
		"base": wire.Object{"ref": p.Base, "sha": r.refs["heads/"+p.Base], "repo": repo},
	}
}

// HeadCommit shows a commit as payloads and suites do, or null.
func (r *Repo) HeadCommit(sha string) any {
	c, ok := r.commits[sha]
	if !ok {
		return nil
	}
	return wire.Object{
		"id": c.SHA, "tree_id": treeOf(c), "message": c.Message, "timestamp": wire.Time(c.At), "author": signature(c), "committer": signature(c),
	}
}

func signature(c *Commit) wire.Object {
	return wire.Object{"name": c.Author.Login, "email": c.Author.Login + "@users.noreply.github.com"}
}
