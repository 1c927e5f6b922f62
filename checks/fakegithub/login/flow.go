package login

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Life is how long a code may be changed for a token.
const Life = 10 * time.Minute

// Flow is the web flow. User is who sits at the browser, or nil; Refuses whether
// that user says no.
type Flow struct {
	Who     *identity.Directory
	User    *identity.User
	Refuses bool
	codes   map[string]code
}

type code struct {
	app       *identity.App
	user      *identity.User
	redirect  string
	challenge string
	made      time.Time
}

// Endpoints are the two of the flow.
func (f *Flow) Endpoints() []wire.Endpoint {
	return []wire.Endpoint{
		{Method: "GET", Path: "/login/oauth/authorize", Needs: identity.Anyone, Do: f.authorize},
		{Method: "POST", Path: "/login/oauth/access_token", Needs: identity.Anyone, Do: f.exchange},
	}
}

func (f *Flow) app(clientID string) *identity.App {
	for _, app := range f.Who.Apps {
		if app.ClientID == clientID && app.ClientSecret != "" {
			return app
		}
	}
	return nil
}

// goes says whether an address is the App's callback or lies below it.
func goes(to, callback string) bool {
	a, err := url.Parse(to)
	b, err2 := url.Parse(callback)
	return err == nil && err2 == nil && a.Scheme == b.Scheme && a.Host == b.Host && (a.Path == b.Path || strings.HasPrefix(a.Path, strings.TrimSuffix(b.Path, "/")+"/"))
}

func (f *Flow) authorize(c *wire.Call) (wire.Answer, error) {
	app := f.app(c.Query("client_id"))
	if app == nil {
		return wire.Answer{}, wire.NotFound()
	}
	redirect := c.Query("redirect_uri")
	if redirect == "" {
		redirect = app.Callback
	}
	back := url.Values{}
	if state := c.Query("state"); state != "" {
		back.Set("state", state)
	}
	switch {
	case !goes(redirect, app.Callback):
		redirect = app.Callback
		back.Set("error", "redirect_uri_mismatch")
		back.Set("error_description", "The redirect_uri MUST match the registered callback URL for this application.")
	case f.User == nil:
		return wire.Answer{Raw: []byte("<!doctype html><title>Sign in to GitHub</title><p>Nobody is signed in.</p>"), Kind: "text/html; charset=utf-8"}, nil
	case f.Refuses:
		back.Set("error", "access_denied")
		back.Set("error_description", "The user has denied your application access.")
	case c.Query("code_challenge") != "" && c.Query("code_challenge_method") != "S256":
		back.Set("error", "invalid_request")
		back.Set("error_description", "code_challenge_method must be S256")
	default:
		back.Set("code", f.issue(code{app: app, user: f.User, redirect: redirect, challenge: c.Query("code_challenge"), made: f.Who.Now()}))
	}
	to, err := url.Parse(redirect)
	if err != nil {
		return wire.Answer{}, wire.NotFound()
	}
	q := to.Query()
	for key := range back {
		q.Set(key, back.Get(key))
	}
	to.RawQuery = q.Encode()
	return wire.Answer{Status: http.StatusFound, Header: http.Header{"Location": {to.String()}}}, nil
}

func (f *Flow) issue(made code) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "code %d", f.Who.NewID()))
	name := hex.EncodeToString(sum[:10])
	if f.codes == nil {
		f.codes = map[string]code{}
	}
	f.codes[name] = made
	return name
}

// parameters are taken from the query and a form or JSON body.
func parameters(c *wire.Call) (url.Values, error) {
	all := c.URL.Query()
	if strings.HasPrefix(c.Header.Get("Content-Type"), "application/json") {
		var in map[string]string
		if err := json.Unmarshal(c.Body, &in); err != nil {
			return nil, wire.Fail(http.StatusBadRequest, "Problems parsing JSON")
		}
		for key, value := range in {
			all.Set(key, value)
		}
		return all, nil
	}
	form, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return nil, wire.Fail(http.StatusBadRequest, "Problems parsing the form")
	}
	for key := range form {
		all.Set(key, form.Get(key))
	}
	return all, nil
}

func (f *Flow) exchange(c *wire.Call) (wire.Answer, error) {
	in, err := parameters(c)
	if err != nil {
		return wire.Answer{}, err
	}
	app := f.app(in.Get("client_id"))
	made, ok := f.codes[in.Get("code")]
	digest := sha256.Sum256([]byte(in.Get("code_verifier")))
	switch {
	case app == nil || app.ClientSecret != in.Get("client_secret"):
		return say(c, refusal("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")), nil
	case !ok || made.app != app || f.Who.Now().Sub(made.made) > Life:
		return say(c, refusal("bad_verification_code", "The code passed is incorrect or expired.")), nil
	case in.Get("redirect_uri") != "" && in.Get("redirect_uri") != made.redirect:
		return say(c, refusal("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL for this application.")), nil
	case made.challenge != "" && made.challenge != base64.RawURLEncoding.EncodeToString(digest[:]):
		return say(c, refusal("bad_verification_code", "The code_verifier does not fit the code_challenge.")), nil
	}
	delete(f.codes, in.Get("code"))
	return say(c, url.Values{"access_token": {f.Who.UserToken(made.user, app)}, "scope": {""}, "token_type": {"bearer"}}), nil
}

func refusal(name, description string) url.Values {
	return url.Values{
		"error": {name}, "error_description": {description},
		"error_uri": {"https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/"},
	}
}

// say answers in a form unless the caller asked for JSON.
func say(c *wire.Call, v url.Values) wire.Answer {
	if !strings.Contains(c.Header.Get("Accept"), "json") {
		return wire.Answer{Raw: []byte(v.Encode()), Kind: "application/x-www-form-urlencoded; charset=utf-8"}
	}
	body := wire.Object{}
	for key := range v {
		body[key] = v.Get(key)
	}
	return wire.OK(body)
}
