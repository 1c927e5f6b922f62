package fakecloudflare

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

// Base is the path below which the API lives, as at Cloudflare.
const Base = "/client/v4"

// Zone is a domain the account begins with. ID is made up when empty.
type Zone struct{ Name, ID string }

// Options say what the account is at the beginning. The zero value is usable:
// one account of a fixed identifier with one token that may do everything.
type Options struct {
	AccountID string           // 32 hexadecimal digits
	Email     string           // of the user
	Token     string           // the secret of a token that may do everything; "fake-token" when there are no Tokens either
	Tokens    []identity.Token // more tokens, with what they may do; an ID is made up when empty
	Subdomain string           // the account's name on workers.dev; none when empty, which some calls mind
	Zones     []Zone
	Clock     func() time.Time // what time it is in the account; the machine's when nil
	Seed      uint64           // of identifiers
	Latency   time.Duration    // of every answer
}

// Server is the account. Its Recorder holds what was asked and breaks what a
// test wants broken; its Account is the state, for fixtures and assertions.
type Server struct {
	*traffic.Recorder
	Account
	identity *identity.Account
	table    envelope.Table
}

// New makes an account.
func New(o Options) *Server {
	if o.AccountID == "" {
		o.AccountID = "acc0acc0acc0acc0acc0acc0acc0acc0"
	}
	if o.Email == "" {
		o.Email = "deployer@example.com"
	}
	who := &identity.Account{ID: o.AccountID, Name: "Fake Account", UserID: "05e205e205e205e205e205e205e205e2", Email: o.Email, Tokens: tokens(o)}
	s := &Server{identity: who}
	s.Account = newAccount(o, who)
	s.table = envelope.NewTable(slices.Concat(who.Endpoints(), s.Account.endpoints(who), []envelope.Endpoint{graphql()}))
	s.Recorder = &traffic.Recorder{Next: http.HandlerFunc(s.answer), Name: s.pattern}
	s.Recorder.SetLatency(o.Latency)
	return s
}

func tokens(o Options) []identity.Token {
	all := slices.Clone(o.Tokens)
	for i := range all {
		if all[i].ID == "" {
			all[i].ID = fmt.Sprintf("70ce%028x", i)
		}
	}
	if o.Token == "" && len(all) == 0 {
		o.Token = "fake-token"
	}
	if o.Token != "" {
		all = append(all, identity.Token{Secret: o.Token, ID: "70ce70ce70ce70ce70ce70ce70ce70ce", Permissions: identity.Everything()})
	}
	return all
}

// ID returns the account's identifier.
func (s *Server) ID() string { return s.identity.ID }

// ServeHTTP answers one call of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), Base)
	if !ok {
		envelope.Send(w, envelope.Answer{}, envelope.NoRoute(r.URL.EscapedPath()))
		return
	}
	below := r.Clone(r.Context())
	plain, err := url.PathUnescape(path)
	if err != nil {
		envelope.Send(w, envelope.Answer{}, envelope.NoRoute(path))
		return
	}
	below.URL.Path, below.URL.RawPath = plain, path
	s.Recorder.ServeHTTP(w, below)
}

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
	w.Header().Set("Cf-Ray", "fa5e00000000fa5e-AMS")
	call, err := s.table.Find(r, r.URL.EscapedPath())
	if err == nil {
		err = s.identity.Admit(call)
	}
	if err == nil {
		call.Body, err = io.ReadAll(r.Body)
	}
	var answer envelope.Answer
	if err == nil {
		answer, err = call.Endpoint.Do(call)
	}
	envelope.Send(w, answer, err)
}

// Close gives back what the account holds: databases and open tails.
func (s *Server) Close() error {
	s.Tails.Close()
	return s.D1.Close()
}
