package identity

import (
	"errors"
	"net/http"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Endpoints lists /user, /memberships, /accounts and the two ways to verify a token.
func (a *Account) Endpoints() []envelope.Endpoint {
	return []envelope.Endpoint{
		{Method: "GET", Path: "/user", Needs: envelope.UserRead, Do: a.user},
		{Method: "GET", Path: "/user/tokens/verify", Needs: envelope.Anyone, Do: a.verify(false)},
		{Method: "GET", Path: "/memberships", Needs: envelope.MembershipsRead, Do: a.memberships},
		{Method: "GET", Path: "/accounts", Needs: envelope.AnyToken, Do: a.accounts},
		{Method: "GET", Path: "/accounts/{account}", Needs: envelope.AccountRead, Do: a.account},
		{Method: "GET", Path: "/accounts/{account}/tokens/verify", Needs: envelope.Anyone, Do: a.verify(true)},
	}
}

type accountBody struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Type      string         `json:"type"`
	Settings  map[string]any `json:"settings"`
	CreatedOn string         `json:"created_on"`
}

func (a *Account) body() accountBody {
	return accountBody{ID: a.ID, Name: a.Name, Type: "standard",
		Settings: map[string]any{"enforce_twofactor": false}, CreatedOn: "2024-01-01T00:00:00.000000Z"}
}

func (a *Account) user(c *envelope.Call) (envelope.Answer, error) {
	if err := a.ofUser(c); err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(map[string]any{"id": a.UserID, "email": a.Email, "suspended": false}), nil
}

func (a *Account) memberships(c *envelope.Call) (envelope.Answer, error) {
	if err := a.ofUser(c); err != nil {
		return envelope.Answer{}, err
	}
	return envelope.Paged(c, []map[string]any{{
		"id": a.UserID, "status": "accepted", "account": a.body(), "roles": []string{"Super Administrator - All Privileges"},
	}}, 20, 50)
}

// ofUser refuses a token that belongs to the account and therefore to no user.
func (a *Account) ofUser(c *envelope.Call) error {
	token, err := a.token(c.Request)
	if err != nil {
		return err
	}
	if token.AccountOwned {
		return envelope.Fail(http.StatusForbidden, 9109, "Unauthorized to access requested resource")
	}
	return nil
}

// accounts shows the account only to tokens that may read its settings, as
// the real list leaves out what a token cannot see.
func (a *Account) accounts(c *envelope.Call) (envelope.Answer, error) {
	token, err := a.token(c.Request)
	if err != nil {
		return envelope.Answer{}, err
	}
	var seen []accountBody
	if name := c.Query("name"); token.May(envelope.AccountRead) && (name == "" || name == a.Name) {
		seen = append(seen, a.body())
	}
	return envelope.Paged(c, seen, 20, 50)
}

func (a *Account) account(*envelope.Call) (envelope.Answer, error) { return envelope.OK(a.body()), nil }

// verify answers for tokens of the user, or for those of the account. An
// expired or disabled token is told so in an answer that succeeds, because
// status is documented to have these values.
func (a *Account) verify(owned bool) envelope.Handler {
	return func(c *envelope.Call) (envelope.Answer, error) {
		token, err := a.token(c.Request)
		var refusal *envelope.Error
		if errors.As(err, &refusal) && refusal.Details[0].Code == 9106 {
			return envelope.Answer{}, err
		}
		if err != nil || token.AccountOwned != owned || (owned && c.Param("account") != a.ID) {
			return envelope.Answer{}, envelope.Fail(http.StatusUnauthorized, 1000, "Invalid API Token")
		}
		status := token.Status
		if status == "" {
			status = "active"
		}
		return envelope.OK(map[string]string{"id": token.ID, "status": status}), nil
	}
}
