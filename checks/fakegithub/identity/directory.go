package identity

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Directory is everybody there is. Now and NewID are the repository's clock and numbers.
type Directory struct {
	Now    func() time.Time
	NewID  func() int64
	Owner  *User
	Users  map[string]*User // by login in lower case
	Apps   map[int64]*App
	Repo   string // owner/name
	RepoID int64
	tokens map[string]*Token
}

// NewDirectory makes a directory with the owner and the App of GitHub Actions.
func NewDirectory(now func() time.Time, newID func() int64, owner string) *Directory {
	d := &Directory{Now: now, NewID: newID, Users: map[string]*User{}, Apps: map[int64]*App{}, tokens: map[string]*Token{}}
	d.Owner = &User{ID: newID(), Login: owner, Kind: "Organization", Permission: "admin"}
	actions := d.Add(Actions, "github-actions", "GitHub Actions", granted([]string{"checks:write", "deployments:write", "contents:read"}))
	actions.Bot.ID = 41898282
	return d
}

// Add registers an App and installs it on the repository.
func (d *Directory) Add(id int64, slug, name string, permissions map[string]string) *App {
	app := &App{
		ID: id, Slug: slug, Name: name, ClientID: "Iv1.fake" + slug, Installation: d.NewID(), Permissions: permissions, Owner: d.Owner, Made: d.Now(),
		Bot: &User{ID: d.NewID(), Login: slug + "[bot]", Kind: "Bot", Permission: "none"},
	}
	d.Apps[id] = app
	return app
}

// Register adds an App under its key, with permissions each such as "checks:write".
func (d *Directory) Register(id int64, key *rsa.PublicKey, permissions []string) *App {
	slug := fmt.Sprintf("app-%d", id)
	app := d.Add(id, slug, "App "+strconv.FormatInt(id, 10), granted(permissions))
	sum := sha256.Sum256([]byte(slug + " client secret"))
	app.Key, app.ClientSecret = key, hex.EncodeToString(sum[:20])
	return app
}

// User returns a user, made with no permission when there is none of that login.
func (d *Directory) User(login string) *User {
	key := strings.ToLower(login)
	if d.Users[key] == nil {
		d.Users[key] = &User{ID: d.NewID(), Login: login, Kind: "User", Permission: "none"}
	}
	return d.Users[key]
}

// Endpoints are those about Apps and users.
func (d *Directory) Endpoints() []wire.Endpoint {
	repo := "/repos/{owner}/{repo}"
	return []wire.Endpoint{
		{Method: "GET", Path: "/app", Needs: JWT, Do: d.app},
		{Method: "GET", Path: "/app/installations", Needs: JWT, Do: d.installations},
		{Method: "GET", Path: "/app/installations/{id}", Needs: JWT, Do: d.installation},
		{Method: "POST", Path: "/app/installations/{id}/access_tokens", Needs: JWT, Do: d.accessToken},
		{Method: "GET", Path: repo + "/installation", Needs: JWT, Do: d.repoInstallation},
		{Method: "GET", Path: "/user", Needs: Person, Do: d.user},
		{Method: "GET", Path: repo + "/collaborators/{user}/permission", Needs: "metadata:read", Do: d.permission},
	}
}

func (d *Directory) app(c *wire.Call) (wire.Answer, error) {
	app, err := d.Signer(c)
	if err != nil {
		return wire.Answer{}, err
	}
	body := app.Body(c.Links)
	body["installations_count"] = 1
	return wire.OK(body), nil
}

func (d *Directory) installations(c *wire.Call) (wire.Answer, error) {
	app, err := d.Signer(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.List(c, []*App{app}, func(a *App) wire.Object { return a.installation(c.Links) })
}

func (d *Directory) installation(c *wire.Call) (wire.Answer, error) {
	app, err := d.Signer(c)
	if err == nil && app.Installation != c.ID("id") {
		err = wire.NotFound()
	}
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(app.installation(c.Links)), nil
}

func (d *Directory) repoInstallation(c *wire.Call) (wire.Answer, error) {
	app, err := d.Signer(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(app.installation(c.Links)), nil
}

func (d *Directory) accessToken(c *wire.Call) (wire.Answer, error) {
	app, err := d.Signer(c)
	if err == nil && app.Installation != c.ID("id") {
		err = wire.NotFound()
	}
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if err == nil {
		err = c.Decode(&in)
	}
	if err != nil {
		return wire.Answer{}, err
	}
	_, name, _ := strings.Cut(d.Repo, "/")
	foreign := func(r string) bool { return !strings.EqualFold(r, name) }
	if slices.ContainsFunc(in.Repositories, foreign) || slices.ContainsFunc(in.RepositoryIDs, func(id int64) bool { return id != d.RepoID }) {
		return wire.Answer{}, wire.Fail(422, "There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	permissions := maps.Clone(app.Permissions)
	if len(in.Permissions) > 0 {
		for name, level := range in.Permissions {
			if has := app.Permissions[name]; has != level && (has != "write" || level != "read") {
				return wire.Answer{}, wire.Fail(422, "The permissions requested are not granted to this installation.")
			}
		}
		permissions = in.Permissions
		permissions["metadata"] = "read"
	}
	secret, t := d.InstallationToken(app, permissions)
	return wire.Answer{Status: http.StatusCreated, Body: wire.Object{
		"token": secret, "expires_at": wire.Time(t.Expires), "permissions": permissions, "repository_selection": "selected",
	}}, nil
}

func (d *Directory) user(c *wire.Call) (wire.Answer, error) {
	return wire.OK(d.Who(c).Actor.User.profile(c.Links, d.Now())), nil
}

func (d *Directory) permission(c *wire.Call) (wire.Answer, error) {
	u, ok := d.Users[strings.ToLower(c.Param("user"))]
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	rank := slices.Index([]string{"none", "read", "write", "admin"}, u.Permission)
	body := u.Body(c.Links)
	body["permissions"] = map[string]bool{"pull": rank > 0, "triage": rank > 1, "push": rank > 1, "maintain": rank > 2, "admin": rank > 2}
	body["role_name"] = u.Permission
	return wire.OK(wire.Object{"permission": u.Permission, "role_name": u.Permission, "user": body}), nil
}
