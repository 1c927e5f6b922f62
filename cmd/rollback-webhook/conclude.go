package main

import (
	"context"
	"fmt"

	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/notice"
)

// subject is what a work was about, for whoever is told how it ended.
type subject struct {
	Repository, Environment string
	// By is who had it done, Why the reason, URL what it is about.
	By, Why, URL string
}

// conclude says how a work ended: in the log, in a comment and in news.
func (s *server) conclude(ctx context.Context, w ledger.Work, about subject, o outcome) error {
	s.as(w).log.Info("outcome", "kind", o.Kind, "to", o.To, "text", s.redact(o.Text))
	if o.Kind == nothing {
		return nil
	}
	n := notice.News{
		ID: notice.ID(w.Key + " " + string(o.Kind)), Outcome: string(o.Kind), Repository: about.Repository, Environment: about.Environment,
		Release: o.Release, To: o.To, Commit: o.SHA, URL: about.URL, Work: w.ID, Delivery: w.Delivery,
	}
	if about.Why != "" && about.By == itself {
		n.Text = sentence("Release %s failed: %s", o.Release, about.Why)
	} else if about.Why != "" {
		n.Text = sentence("%s: %s", about.By, about.Why)
	}
	where := fmt.Sprintf("%s of %s", about.Environment, about.Repository)
	switch o.Kind {
	case rolledBack:
		n.Kind, n.Title = notice.RolledBack, where+" was rolled back"
		n.Text = join(n.Text, sentence("%s: %s", serves(o.To), o.Text))
	case isHeld:
		n.Kind, n.Title = notice.Held, where+" is held"
		n.Text = join(n.Text, sentence("%s; no other release is let in", o.Text))
	case isLifted:
		n.Kind, n.Title = notice.HoldLifted, "the hold of "+where+" was lifted"
	case left:
		n.Kind, n.Title = notice.Left, where+" needs you"
		n.Text = join(n.Text, sentence("It was not rolled back: %s", o.Text))
	}
	if about.By != itself && about.By != "" {
		n.Title += " by " + about.By
	}
	s.tell(ctx, n)
	return s.remark(ctx, w, remark{
		Repository: about.Repository, Environment: about.Environment, SHA: o.SHA, Release: o.Release, Kind: o.Kind, To: o.To, Why: about.Why, By: about.By, Text: o.Text,
	})
}
