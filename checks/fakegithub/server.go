package fakegithub

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/check"
	"github.com/tminus/deploy-action/checks/fakegithub/comment"
	"github.com/tminus/deploy-action/checks/fakegithub/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/limit"
	"github.com/tminus/deploy-action/checks/fakegithub/login"
	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
	"github.com/tminus/deploy-action/checks/fakegithub/workflow"
)

// Enterprise is the path below which a GitHub Enterprise Server has its API.
const Enterprise = "/api/v3"

// Version is the version of the API that calls may ask for.
const Version = "2022-11-28"

// Options say what the repository is at the beginning. The zero value is usable.
type Options struct {
	Owner, Repo string           // acme and site when empty
	Private     bool             // whether pages and payloads call it so
	Clock       func() time.Time // what time it is at GitHub; the machine's when nil
	HookTimeout time.Duration    // how long a receiver of deliveries may take; ten seconds when 0
}

// Server is the repository. Its Recorder holds what was asked and breaks what a
// test wants broken.
type Server struct {
	*traffic.Recorder
	rooms

	mu    sync.Mutex // over everything below the Recorder
	table wire.Table
	links wire.Links // as the last caller reached them
}

// rooms is the state, product by product.
type rooms struct {
	who         *identity.Directory
	repo        *repository.Repo
	checks      *check.Runs
	deployments *deployment.Deployments
	comments    *comment.Comments
	workflows   *workflow.Runs
	hooks       *hook.Hooks
	limits      *limit.Limits
	flow        *login.Flow
}

// New makes a repository with one commit on main.
func New(o Options) *Server {
	if o.Owner == "" {
		o.Owner = "acme"
	}
	if o.Repo == "" {
		o.Repo = "site"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{links: wire.Links{API: "https://api.github.com", Web: "https://github.com"}}
	s.rooms = newRooms(o, &s.mu)
	s.table = wire.NewTable(append(s.endpoints(), s.pages()...))
	s.Recorder = &traffic.Recorder{Next: http.HandlerFunc(s.answer), Name: s.pattern}
	return s
}

func newRooms(o Options, lock sync.Locker) rooms {
	id := int64(1_000_000)
	newID := func() int64 { id++; return id }
	var r rooms
	r.who = identity.NewDirectory(o.Clock, newID, o.Owner)
	r.repo = repository.New(r.who, o.Repo)
	r.repo.Private = o.Private
	r.who.Repo, r.who.RepoID = r.repo.FullName(), r.repo.ID
	r.repo.Commit(r.repo.Main, "Begin", r.who.User("octocat"), map[string]string{"README.md": "# " + o.Repo + "\n"})
	r.hooks = hook.New(lock, r.repo, r.who)
	r.hooks.Timeout = o.HookTimeout
	r.checks = &check.Runs{Repo: r.repo, Who: r.who, Tell: r.hooks.Tell}
	r.deployments = &deployment.Deployments{Repo: r.repo, Who: r.who, Tell: r.hooks.Tell, Contexts: r.checks.Contexts}
	r.comments = &comment.Comments{Repo: r.repo, Who: r.who}
	r.workflows = &workflow.Runs{Repo: r.repo, Who: r.who, Tell: r.hooks.Tell}
	r.limits = &limit.Limits{Who: r.who}
	r.flow = &login.Flow{Who: r.who}
	return r
}

func (r rooms) endpoints() []wire.Endpoint {
	return slices.Concat(
		r.who.Endpoints(), r.checks.Endpoints(), r.deployments.Endpoints(), r.comments.Endpoints(), r.workflows.Endpoints(), r.hooks.Endpoints(),
		r.limits.Endpoints(), r.flow.Endpoints(), []wire.Endpoint{meta()}, r.repo.Endpoints(), r.repo.Last(),
	)
}

// ServeHTTP answers one call, recorded by its path without /api/v3.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw := r.URL.EscapedPath()
	prefix := ""
	if below, ok := strings.CutPrefix(raw, Enterprise); ok && strings.HasPrefix(below, "/") {
		raw, prefix = below, Enterprise
	}
	plain, err := url.PathUnescape(raw)
	if err != nil {
		wire.Send(w, wire.Answer{}, wire.Fail(http.StatusBadRequest, "the path has a bad escape"))
		return
	}
	below := r.Clone(r.Context())
	below.URL.Path, below.URL.RawPath = plain, raw
	below.Header.Set(reached, "http://"+r.Host+prefix)
	s.dress(w.Header())
	s.Recorder.ServeHTTP(w, below)
}

// reached carries the API's address from the outside to the endpoint.
const reached = "Fake-Reached-At"

// pattern names the endpoint of a request for the record.
func (s *Server) pattern(r *http.Request) string {
	call, err := s.table.Find(r, r.URL.EscapedPath())
	if err != nil {
		return ""
	}
	return call.Endpoint.Pattern()
}

// answer finds the endpoint, asks whether the caller may, and lets it work.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		wire.Send(w, wire.Answer{}, wire.Fail(http.StatusBadRequest, "Problems reading the body: %v", err))
		return
	}
	s.mu.Lock()
	answer, err := s.work(w.Header(), r, body)
	s.mu.Unlock()
	wire.Send(w, answer, err)
}

func (s *Server) work(header http.Header, r *http.Request, body []byte) (wire.Answer, error) {
	if err := polite(r); err != nil {
		return wire.Answer{}, err
	}
	call, err := s.table.Find(r, r.URL.EscapedPath())
	if err != nil {
		return wire.Answer{}, err
	}
	call.Body = body
	api := r.Header.Get(reached)
	call.Links = wire.Links{API: api, Web: strings.TrimSuffix(api, Enterprise)}
	s.links = call.Links
	if err := s.limits.Count(header, call); err != nil {
		return wire.Answer{}, err
	}
	if err := s.who.Admit(call); err != nil {
		return wire.Answer{}, err
	}
	if err := s.repo.Admit(call); err != nil {
		return wire.Answer{}, err
	}
	return call.Endpoint.Do(call)
}

// polite refuses what GitHub refuses before it looks at the path.
func polite(r *http.Request) error {
	if r.UserAgent() == "" {
		return wire.Fail(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
	}
	if v := r.Header.Get("X-GitHub-Api-Version"); v != "" && v != Version {
		return wire.Fail(http.StatusBadRequest, "Invalid API version %q: the fake knows %s", v, Version)
	}
	return nil
}

// Close gives up deliveries that are under way and waits for their end.
func (s *Server) Close() { s.hooks.Close() }
