package fakegithub

import (
	"context"
	"strings"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
)

// FullName is owner/name.
func (s *Server) FullName() string { return s.repo.FullName() }

// Head is the commit that a branch, tag or beginning of an identifier names; empty when there is none.
func (s *Server) Head(ref string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.repo.Resolve(ref); ok {
		return c.SHA
	}
	return ""
}

// Commit adds a commit to a branch, made from main when it is new. Its files are
// those before it and these; one with no content is deleted. The identifier that
// it returns is the same for the same history.
func (s *Server) Commit(branch, message string, files map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repo.Commit(branch, message, s.who.User("octocat"), files)
}

// Tag names a commit.
func (s *Server) Tag(name, sha string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repo.Point("tags/"+name, sha)
}

// Pull opens a pull request of octocat from a branch into another and returns its number.
func (s *Server) Pull(title, head, base string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.repo.OpenPull(title, head, base, s.who.User("octocat")).Number)
}

// WorkflowToken makes a token like GITHUB_TOKEN with these permissions, each such as "checks:write".
func (s *Server) WorkflowToken(permissions ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who.WorkflowToken(permissions...)
}

// Installed is an App as it was installed on the repository.
type Installed struct {
	ID, Installation       int64
	Slug                   string
	ClientID, ClientSecret string // of the web flow
	app                    *identity.App
}

// App registers an App under its public key (PEM) and installs it with these
// permissions; with none it may do what a deployment needs.
func (s *Server) App(id int64, publicKey []byte, permissions ...string) (Installed, error) {
	key, err := identity.ParseKey(publicKey)
	if err != nil {
		return Installed{}, err
	}
	if len(permissions) == 0 {
		permissions = []string{"checks:write", "deployments:write", "contents:read", "actions:write", "issues:write", "pull_requests:write"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.who.Register(id, key, permissions)
	return Installed{ID: id, Installation: app.Installation, Slug: app.Slug, ClientID: app.ClientID, ClientSecret: app.ClientSecret, app: app}, nil
}

// Job adds the check run, in progress, that Actions itself makes for a job, and
// returns its number. It counts as an open context of the commit.
func (s *Server) Job(sha, name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checks.Job(sha, name).ID
}

// User gives a user a permission on the repository (none, read, write, admin) and returns a personal token.
func (s *Server) User(login, permission string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.who.User(login)
	u.Permission = permission
	return s.who.UserToken(u, nil)
}

// Expire makes a token one whose time is over; Revoke one that was taken back. Both answer 401 alike.
func (s *Server) Expire(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.who.Token(token); ok {
		t.Expires = s.who.Now()
	}
}

// Revoke takes a token back.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.who.Token(token); ok {
		t.Revoked = true
	}
}

// Hook registers a receiver of the repository's events, "*" for all, which gets
// a ping at once, and returns its number.
func (s *Server) Hook(url, secret string, events ...string) int64 {
	return s.hook(hook.Hook{URL: url, Secret: secret, Events: events, Active: true})
}

// FormHook is Hook for a receiver that wants its payload in a form.
func (s *Server) FormHook(url, secret string, events ...string) int64 {
	return s.hook(hook.Hook{URL: url, Secret: secret, Events: events, Active: true, Form: true})
}

// AppHook registers the one receiver of an App. What checks: write brings, it gets unasked.
func (s *Server) AppHook(app Installed, url, secret string, events ...string) int64 {
	return s.hook(hook.Hook{URL: url, Secret: secret, Events: events, Active: true, App: app.app})
}

func (s *Server) hook(h hook.Hook) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hooks.Add(s.links, h, s.who.User("octocat")).ID
}

// Press is a person who presses the button of a check run. Only the App that owns the run is told.
func (s *Server) Press(run int64, identifier, login string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checks.Press(s.links, run, identifier, s.who.User(login))
}

// Network decides from now on what becomes of each parcel on its way to a receiver; nil lets all arrive.
func (s *Server) Network(fate func(hook.Parcel) hook.Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.Network = fate
}

// Release lets the parcels that the network held go, the last first.
func (s *Server) Release() { s.hooks.Release() }

// Settle waits until every delivery has been answered, held ones aside.
func (s *Server) Settle(ctx context.Context) error { return s.hooks.Settle(ctx) }

// Deliveries lists the deliveries made so far to a hook, in the order they ended; 0 means all hooks.
func (s *Server) Deliveries(to int64) []hook.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []hook.Delivery
	for _, d := range s.hooks.Deliveries {
		if to == 0 || d.Hook == to {
			all = append(all, *d)
		}
	}
	return all
}

// Reached tells the fake its own address, for links in payloads that are sent
// before anybody called it; every call tells it again.
func (s *Server) Reached(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links.API = strings.TrimSuffix(url, "/")
	s.links.Web = strings.TrimSuffix(s.links.API, Enterprise)
}

// Leave lets every caller ask only so many times more in the next hour; status,
// 403 or 429, is what comes after. Below zero, limits are as at the beginning.
func (s *Server) Leave(remaining, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.Leave(remaining)
	s.limits.Status = status
}

// Callback sets where the web flow of an App may come back to.
func (s *Server) Callback(app Installed, url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app.app.Callback = url
}

// SignIn says who sits at the browser in the web flow, empty for nobody, and whether that user lets the App in.
func (s *Server) SignIn(login string, agrees bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flow.User, s.flow.Refuses = nil, !agrees
	if login != "" {
		s.flow.User = s.who.User(login)
	}
}
