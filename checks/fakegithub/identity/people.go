package identity

import (
	"crypto/rsa"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// User is an account. Permission is what it may on the repository: none, read, write or admin.
type User struct {
	ID         int64
	Login      string
	Kind       string // User, Bot or Organization
	Permission string
}

// Body shows the user as others embed it.
func (u *User) Body(l wire.Links) wire.Object {
	api, web := l.API+"/users/"+u.Login, l.Web+"/"+u.Login
	if u.Kind == "Bot" {
		web = l.Web + "/apps/" + strings.TrimSuffix(u.Login, "[bot]")
	}
	return wire.Object{
		"login": u.Login, "id": u.ID, "node_id": node("U", u.ID), "avatar_url": fmt.Sprintf("%s/avatars/u/%d", l.Web, u.ID), "gravatar_id": "",
		"url": api, "html_url": web, "followers_url": api + "/followers", "following_url": api + "/following{/other_user}",
		"gists_url": api + "/gists{/gist_id}", "starred_url": api + "/starred{/owner}{/repo}", "subscriptions_url": api + "/subscriptions",
		"organizations_url": api + "/orgs", "repos_url": api + "/repos", "events_url": api + "/events{/privacy}",
		"received_events_url": api + "/received_events", "type": u.Kind, "site_admin": false, "user_view_type": "public",
	}
}

// profile is what GET /user adds.
func (u *User) profile(l wire.Links, since time.Time) wire.Object {
	b := u.Body(l)
	more := wire.Object{
		"name": nil, "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil, "twitter_username": nil,
		"public_repos": 1, "public_gists": 0, "followers": 0, "following": 0, "created_at": wire.Time(since), "updated_at": wire.Time(since),
	}
	maps.Copy(b, more)
	return b
}

// Actions is the identifier of the App that workflow tokens belong to.
const Actions = 15368

// App is a GitHub App, installed once, on the repository.
type App struct {
	ID           int64
	Slug, Name   string
	ClientID     string
	ClientSecret string
	Callback     string // of the web flow; empty means none
	Installation int64
	Permissions  map[string]string // of the installation, such as checks: write
	Events       []string
	Key          *rsa.PublicKey
	Bot, Owner   *User
	Made         time.Time
}

// Body shows the App.
func (a *App) Body(l wire.Links) wire.Object {
	return wire.Object{
		"id": a.ID, "slug": a.Slug, "node_id": node("A", a.ID), "client_id": a.ClientID, "owner": a.Owner.Body(l), "name": a.Name,
		"description": "", "external_url": l.Web + "/apps/" + a.Slug, "html_url": l.Web + "/apps/" + a.Slug,
		"created_at": wire.Time(a.Made), "updated_at": wire.Time(a.Made), "permissions": a.Permissions, "events": list(a.Events),
	}
}

func (a *App) installation(l wire.Links) wire.Object {
	url := fmt.Sprintf("%s/app/installations/%d", l.API, a.Installation)
	return wire.Object{
		"id": a.Installation, "account": a.Owner.Body(l), "repository_selection": "selected", "access_tokens_url": url + "/access_tokens",
		"repositories_url": l.API + "/installation/repositories", "html_url": fmt.Sprintf("%s/organizations/%s/settings/installations/%d", l.Web, a.Owner.Login, a.Installation),
		"app_id": a.ID, "client_id": a.ClientID, "app_slug": a.Slug, "target_id": a.Owner.ID, "target_type": a.Owner.Kind, "permissions": a.Permissions,
		"events": list(a.Events), "created_at": wire.Time(a.Made), "updated_at": wire.Time(a.Made), "single_file_name": nil,
		"has_multiple_single_files": false, "single_file_paths": []string{}, "suspended_by": nil, "suspended_at": nil,
	}
}

// Actor is who did something: a user, and the App it was done through, if any.
type Actor struct {
	*User
	App *App
}

// Through shows the App, or null.
func (a Actor) Through(l wire.Links) any {
	if a.App == nil {
		return nil
	}
	return a.App.Body(l)
}

// node makes up a GraphQL identifier.
func node(kind string, id int64) string { return fmt.Sprintf("%s_kwDO%08x", kind, id) }

func list(words []string) []string {
	if words == nil {
		return []string{}
	}
	return words
}
