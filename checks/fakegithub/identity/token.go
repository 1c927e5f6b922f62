package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// What an endpoint needs besides permissions such as checks:write. Several
// permissions with | between them mean any one of them.
const (
	Anyone = ""    // no token at all
	AnyOne = "any" // any token that works
	Person = "user"
	JWT    = "jwt"
)

// Token is what a caller shows. Permissions are those of an App's token; a
// user's token may what the user may.
type Token struct {
	Actor       Actor
	Permissions map[string]string
	Expires     time.Time // never when zero
	Revoked     bool
}

// Workflow says whether the token is one that a workflow job gets.
func (t *Token) Workflow() bool { return t.Actor.App != nil && t.Actor.App.ID == Actions }

func (d *Directory) keep(prefix string, t *Token) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", prefix, d.NewID()))
	secret := prefix + hex.EncodeToString(sum[:18])
	d.tokens[secret] = t
	return secret
}

// WorkflowToken makes a token like GITHUB_TOKEN with these permissions, each such as "checks:write".
func (d *Directory) WorkflowToken(permissions ...string) string {
	app := d.Apps[Actions]
	return d.keep("ghs_", &Token{Actor: Actor{app.Bot, app}, Permissions: granted(permissions), Expires: d.Now().Add(24 * time.Hour)})
}

// InstallationToken makes a token of an App's installation, good for an hour.
func (d *Directory) InstallationToken(app *App, permissions map[string]string) (string, *Token) {
	t := &Token{Actor: Actor{app.Bot, app}, Permissions: permissions, Expires: d.Now().Add(time.Hour)}
	return d.keep("ghs_", t), t
}

// UserToken makes a personal token; app is the App that asked for it through the web flow, or nil.
func (d *Directory) UserToken(u *User, app *App) string {
	prefix := "ghp_"
	if app != nil {
		prefix = "ghu_"
	}
	return d.keep(prefix, &Token{Actor: Actor{u, app}})
}

// Token finds a token by its secret.
func (d *Directory) Token(secret string) (*Token, bool) {
	t, ok := d.tokens[secret]
	return t, ok
}

func granted(permissions []string) map[string]string {
	all := map[string]string{"metadata": "read"}
	for _, p := range permissions {
		name, level, _ := strings.Cut(p, ":")
		all[strings.ReplaceAll(name, "-", "_")] = level
	}
	return all
}

func secretOf(r *http.Request) string {
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(kind, "bearer") || strings.EqualFold(kind, "token") {
		return strings.TrimSpace(secret)
	}
	return ""
}

// Admit decides whether a call may go on to its endpoint.
func (d *Directory) Admit(c *wire.Call) error {
	needs := c.Endpoint.Needs
	if needs == JWT {
		_, err := d.Signer(c)
		return err
	}
	secret := secretOf(c.Request)
	if secret == "" {
		if needs == Anyone {
			return nil
		}
		return wire.Fail(http.StatusUnauthorized, "Requires authentication")
	}
	t, ok := d.tokens[secret]
	if !ok || t.Revoked || !t.Expires.IsZero() && !d.Now().Before(t.Expires) {
		return wire.Fail(http.StatusUnauthorized, "Bad credentials")
	}
	switch {
	case needs == Anyone || needs == AnyOne:
		return nil
	case t.Permissions == nil:
		return d.mayUser(t.Actor.User, needs)
	case needs != Person && slices.ContainsFunc(strings.Split(needs, "|"), t.may):
		return nil
	}
	refusal := wire.Fail(http.StatusForbidden, "Resource not accessible by integration")
	refusal.Header = http.Header{"X-Accepted-Github-Permissions": {strings.NewReplacer(":", "=", "|", "; ").Replace(needs)}}
	return refusal
}

func (t *Token) may(permission string) bool {
	name, level, _ := strings.Cut(permission, ":")
	has := t.Permissions[name]
	return has == level || has == "write" && level == "read"
}

// mayUser knows what a permission on the repository allows. The words of the
// two last refusals are chosen.
func (d *Directory) mayUser(u *User, needs string) error {
	name, level, _ := strings.Cut(needs, ":")
	rank := slices.Index([]string{"none", "read", "write", "admin"}, u.Permission)
	switch {
	case needs == Person:
		return nil
	case name == "checks" && level == "write":
		return wire.Fail(http.StatusForbidden, "You must authenticate via a GitHub App.")
	case rank < 1:
		return wire.NotFound()
	case name == "administration" || name == "repository_hooks":
		if rank < 3 {
			return wire.Fail(http.StatusForbidden, "Must have admin rights to Repository.")
		}
	case level == "write" && name != "issues" && rank < 2:
		return wire.Fail(http.StatusForbidden, "Must have write access to Repository.")
	}
	return nil
}

// Who returns the token of a call that was admitted; an empty one when it showed none.
func (d *Directory) Who(c *wire.Call) *Token {
	if t, ok := d.tokens[secretOf(c.Request)]; ok {
		return t
	}
	return &Token{Actor: Actor{User: &User{Login: "ghost", Kind: "User"}}}
}
