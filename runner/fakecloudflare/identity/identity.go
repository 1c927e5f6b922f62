package identity

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Token is one API token. Status is active when empty, else expired or disabled.
type Token struct {
	Secret       string
	ID           string   // what verify shows
	AccountOwned bool     // of the account instead of the user: /user is closed to it
	Permissions  []string // as in package envelope, e.g. "D1:Edit"
	Zones        []string // identifiers of the only zones it reaches; none means all
	Status       string
}

// Everything is the list of all permissions, in order.
func Everything() []string {
	return []string{
		envelope.AccountRead, envelope.AnalyticsRead, envelope.D1Edit, envelope.DNSEdit, envelope.KVEdit, envelope.MembershipsRead,
		envelope.QueuesEdit, envelope.R2Edit, envelope.RoutesEdit, envelope.ScriptsEdit, envelope.TailRead, envelope.UserRead, envelope.ZoneRead,
	}
}

// May says whether the token has a permission; Edit includes Read.
func (t Token) May(permission string) bool {
	if permission == envelope.AnyToken || slices.Contains(t.Permissions, permission) {
		return true
	}
	edit, reads := strings.CutSuffix(permission, ":Read")
	return reads && slices.Contains(t.Permissions, edit+":Edit")
}

// Reaches says whether the token may touch a zone.
func (t Token) Reaches(zone string) bool { return len(t.Zones) == 0 || slices.Contains(t.Zones, zone) }

// Account is the one account, its user and its tokens. It does not change after it is made.
type Account struct {
	ID, Name      string
	UserID, Email string
	Tokens        []Token
}

var hex32 = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Admit decides whether a call may go on to its endpoint.
func (a *Account) Admit(c *envelope.Call) error {
	if c.Endpoint.Needs == envelope.Anyone {
		return nil
	}
	token, err := a.token(c.Request)
	if err != nil {
		return err
	}
	if token.Status != "" {
		return envelope.Fail(http.StatusUnauthorized, 10001, "Unable to authenticate request: the token is %s", token.Status)
	}
	if account := c.Param("account"); account != "" && account != a.ID {
		if !hex32.MatchString(account) {
			return envelope.NoRoute(c.Endpoint.Path)
		}
		return denied("account " + account)
	}
	if !token.May(c.Endpoint.Needs) {
		return denied(c.Endpoint.Needs)
	}
	if zone := c.Param("zone"); zone != "" && !token.Reaches(zone) {
		return denied("zone " + zone)
	}
	return nil
}

// AllZones says whether the caller's token reaches every zone, which changing
// a script's routes as a whole demands.
func (a *Account) AllZones(c *envelope.Call) error {
	token, err := a.token(c.Request)
	if err != nil {
		return err
	}
	if len(token.Zones) > 0 || !token.May(envelope.RoutesEdit) {
		return denied(envelope.RoutesEdit + " on all zones")
	}
	return nil
}

// denied is 10000 with, unlike the real one, a word on what was missing: a
// test that fails for a permission should say which.
func denied(what string) error {
	return envelope.Fail(http.StatusForbidden, 10000, "Authentication error: the token does not have %s", what)
}

func (a *Account) token(r *http.Request) (Token, error) {
	if r.Header.Get("X-Auth-Key") != "" || r.Header.Get("X-Auth-Email") != "" {
		return Token{}, envelope.Fail(http.StatusForbidden, 9103, "Unknown X-Auth-Key or X-Auth-Email")
	}
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || strings.TrimSpace(secret) == "" {
		return Token{}, envelope.Fail(http.StatusBadRequest, 9106, `Authentication failed: the header "Authorization: Bearer <token>" is missing or malformed`)
	}
	for _, token := range a.Tokens {
		if token.Secret == secret {
			return token, nil
		}
	}
	return Token{}, envelope.Fail(http.StatusForbidden, 10000, "Authentication error")
}
