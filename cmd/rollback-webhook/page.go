package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/signin"
)

// page is what the status page shows and does.
type page struct {
	*server
	board *board
	users *signin.GitHub // nil if nobody signs in with GitHub
}

// page makes the status page.
func (s *server) page(ctx context.Context) (http.Handler, error) {
	p := &page{server: s, board: newBoard(ctx, s)}
	o := console.Options{
		Sight:  console.Sight{Look: p.look, Work: p.work, Deliveries: p.deliveries, Audit: p.audit, Watch: p.watch},
		Gate:   console.Gate{Who: func(*http.Request) (console.Person, bool) { return console.Person{}, false }, May: p.may, Private: s.config.Page.Private},
		Hands:  console.Hands{Do: s.deed, Note: s.queue.Ledger.Note},
		Origin: s.config.origin(), GitHub: s.config.web(), Version: version, Log: s.log,
	}
	var shown *console.Console
	if s.config.signsIn() {
		door, err := p.door(func(w http.ResponseWriter, r *http.Request, status int, a signin.Asking) {
			shown.SignIn(w, r, status, console.Asking(a))
		})
		if err != nil {
			return nil, err
		}
		o.Gate.Door = door
		o.Gate.Who = func(r *http.Request) (console.Person, bool) {
			who, ok := door.Who(r)
			return console.Person{Name: who.Name, ID: who.ID, Proof: who.Proof}, ok
		}
	}
	var err error
	shown, err = console.New(o)
	return shown, err
}

// door makes the sign-in.
func (p *page) door(show func(http.ResponseWriter, *http.Request, int, signin.Asking)) (*signin.Door, error) {
	c := p.config
	o := signin.Options{
		Secret: c.sessionSecret(), Token: c.tokens.page.token, Page: show, Origin: c.origin(), Log: p.log,
		Note: func(ctx context.Context, who, how string) {
			if err := p.queue.Ledger.Note(ctx, who, "signed in", how); err != nil {
				p.log.Error("audit log not written", "error", err)
			}
		},
	}
	if c.Page.Client != "" {
		own, err := c.identity()
		if err != nil {
			return nil, err
		}
		p.users = &signin.GitHub{API: c.GitHubAPI, Web: c.web(), ClientID: c.Page.Client, ClientSecret: c.tokens.page.client, UserAgent: userAgent, Own: own}
		o.GitHub, o.Admit = p.users, p.admit
	}
	return signin.New(o)
}

// admit lets in who may write to one of the repositories.
func (p *page) admit(ctx context.Context, who signin.Person) (bool, error) {
	var errs []error
	for _, r := range p.config.Repository {
		may, err := p.users.Writes(ctx, who, r)
		if may {
			return true, nil
		}
		errs = append(errs, err)
	}
	return false, errors.Join(errs...)
}

// may asks whether a person may change things in a repository. What is about no
// repository is about all of them.
func (p *page) may(ctx context.Context, who console.Person, repository string) (bool, error) {
	if who.ID == 0 {
		return true, nil // the local token opens everything
	}
	if p.users == nil {
		return false, nil
	}
	about := []string{repository}
	if repository == "" {
		about = p.config.Repository
	}
	for _, r := range about {
		may, err := p.users.Writes(ctx, signin.Person{Name: who.Name, ID: who.ID}, r)
		if err != nil || !may {
			return false, err
		}
	}
	return len(about) > 0, nil
}

// watch tells when works of this server go on.
func (p *page) watch() (<-chan struct{}, func()) {
	events, end := p.queue.Watch()
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		for range events {
			select {
			case changed <- struct{}{}:
			default: // somebody is to look already
			}
		}
	}()
	return changed, end
}

// deed does what a person asks for on the page.
func (s *server) deed(ctx context.Context, d console.Deed) (string, error) {
	said, err := "", error(nil)
	switch d.What {
	case console.ToRedrive:
		said, err = fmt.Sprintf("Work %d is tried again", d.Work), s.queue.Redrive(ctx, d.Work)
	case console.ToDismiss:
		said, err = fmt.Sprintf("Work %d is dismissed", d.Work), s.queue.Dismiss(ctx, d.Work)
	case console.ToRollBack, console.ToHold, console.ToLift:
		said, err = s.ask(ctx, d)
	default:
		err = fmt.Errorf("nobody here does %q", d.What)
	}
	if err != nil {
		return "", errors.New(s.redact(err.Error()))
	}
	return said, nil
}

// soonest is how long after one look at GitHub another one is made because of news.
const soonest = 2 * time.Second
