package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// GitHub is the App, or the OAuth App, that a person signs in with, and the server's
// own identity.
type GitHub struct {
	// API is the root of the REST API, Web that of the pages; empty for the one that
	// belongs to the API.
	API, Web               string
	ClientID, ClientSecret string
	UserAgent              string
	// Own authenticates as the server.
	Own http.RoundTripper
}

// asking bounds one question to GitHub. A person waits for it.
const asking = 8 * time.Second

// Web is the address of the pages that belong to an API.
func Web(api string) string {
	u, err := url.Parse(api)
	if err != nil || u.Host == "" {
		return ""
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v3")}
	switch {
	case u.Host == "api.github.com":
		u.Host = "github.com"
	case strings.HasPrefix(u.Host, "api.") && strings.HasSuffix(u.Host, ".ghe.com"):
		u.Host = strings.TrimPrefix(u.Host, "api.")
	}
	return strings.TrimRight(u.String(), "/")
}

func (g *GitHub) web() string {
	if g.Web != "" {
		return strings.TrimRight(g.Web, "/")
	}
	return Web(g.API)
}

// person changes a code for a token, asks whose it is, and drops it.
func (g *GitHub) person(ctx context.Context, code, verifier, redirect string) (Person, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	form := url.Values{"client_id": {g.ClientID}, "client_secret": {g.ClientSecret}, "code": {code}, "code_verifier": {verifier}}
	if redirect != "" {
		form.Set("redirect_uri", redirect)
	}
	var got struct {
		Token string `json:"access_token"`
		Kind  string `json:"token_type"`
		Error string `json:"error"`
	}
	const change = "change the code for a token"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.web()+"/login/oauth/access_token", strings.NewReader(form.Encode()))
	if err != nil {
		return Person{}, fmt.Errorf("%s: %w", change, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := g.ask(http.DefaultTransport, r, change, &got); err != nil {
		return Person{}, err
	}
	if got.Token == "" || !strings.EqualFold(got.Kind, "bearer") {
		return Person{}, fmt.Errorf("%s: GitHub says %q", change, got.Error)
	}
	var user struct {
		Login string `json:"login"`
		ID    int64  `json:"id"`
	}
	const who = "read the user"
	if r, err = http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(g.API, "/")+"/user", nil); err != nil {
		return Person{}, fmt.Errorf("%s: %w", who, err)
	}
	r.Header.Set("Authorization", "Bearer "+got.Token)
	if err := g.ask(http.DefaultTransport, r, who, &user); err != nil {
		return Person{}, err
	}
	if user.Login == "" || user.ID <= 0 {
		return Person{}, fmt.Errorf("%s: GitHub names nobody", who)
	}
	return Person{Name: user.Login, ID: user.ID}, nil
}

// Writes asks, as the server, whether a user may write to a repository.
func (g *GitHub) Writes(ctx context.Context, p Person, repository string) (bool, error) {
	const op = "read a user's permission"
	owner, name, ok := strings.Cut(repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") || p.ID == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	address := fmt.Sprintf("%s/repos/%s/%s/collaborators/%s/permission", strings.TrimRight(g.API, "/"), url.PathEscape(owner), url.PathEscape(name), url.PathEscape(p.Name))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	var got struct {
		Permission string `json:"permission"`
		User       struct {
			ID int64 `json:"id"`
		} `json:"user"`
	}
	err = g.ask(g.Own, r, op, &got)
	if status, ok := errors.AsType[*answered](err); ok && status.status == http.StatusNotFound {
		return false, nil // GitHub has no such user any more, or none in this repository
	}
	if err != nil {
		return false, err
	}
	// Who maintains is said to have write.
	able := got.Permission == "write" || got.Permission == "admin" || got.Permission == "maintain"
	return able && got.User.ID == p.ID, nil
}

// answered is an answer that is no success.
type answered struct {
	op     string
	status int
}

// Error implements error.
func (a *answered) Error() string { return fmt.Sprintf("%s: GitHub answered %d", a.op, a.status) }

// ask makes one call. Errors hold no address: it may hold a code.
func (g *GitHub) ask(with http.RoundTripper, r *http.Request, op string, into any) error {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", g.UserAgent)
	c := http.Client{Transport: with, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", op, failed.Err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return &answered{op, res.StatusCode}
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
