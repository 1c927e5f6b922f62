package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/markdown"
)

// commentMark begins the comments of the server, by which they are found again.
const commentMark = "<!-- tminus/deploy-action rollback -->"

// remark is the record of a work that comments on a release: what became of it.
type remark struct {
	Repository  string `json:"repository"`
	Environment string `json:"environment"`
	SHA         string `json:"sha"`
	Release     string `json:"release"`
	Kind        ending `json:"kind"`
	To          string `json:"to,omitempty"`
	Why         string `json:"why,omitempty"`
	By          string `json:"by,omitempty"`
	Text        string `json:"text,omitempty"`
}

// remark has what became of a release said in a comment, if that is wanted and it is
// something that a person should know.
func (s *server) remark(ctx context.Context, w ledger.Work, r remark) error {
	if s.config.Comment == "" || s.config.Comment == "off" || r.Kind == nothing {
		return nil
	}
	r.Why, r.Text = s.redact(r.Why), s.redact(r.Text)
	key := fmt.Sprintf("comment %d %s", w.ID, r.Kind)
	o, err := order("comment", key, "comment "+laneOf(r.Repository, r.Environment), r)
	if err != nil {
		return err
	}
	_, err = s.queue.Add(ctx, hook.Delivery{GUID: w.Delivery, Repository: r.Repository}, hook.Decision{Environment: r.Environment, Reason: "say it in a comment", Order: o})
	return err
}

// commentWork comments: on the pull requests of the commit, or on the commit itself
// where there is none or where that is wanted.
func (s *server) commentWork(ctx context.Context, _ ledger.Work, with json.RawMessage, say func(string)) error {
	var r remark
	if err := json.Unmarshal(with, &r); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	c, err := s.kept.repository(r.Repository)
	if err != nil {
		return err
	}
	var pulls []int
	if s.config.Comment == "pull-request" {
		if pulls, err = c.PullsOf(ctx, r.SHA); err != nil {
			return err
		}
	}
	mark := fmt.Sprintf("%s<!-- %s %s -->", commentMark, r.Environment, r.Release)
	for _, n := range pulls {
		if err := c.KeepComment(ctx, n, mark, r.markdown()); err != nil {
			return err
		}
		say(fmt.Sprintf("said on pull request %d", n))
	}
	if len(pulls) > 0 {
		return nil
	}
	if err := c.KeepCommitComment(ctx, r.SHA, mark, r.markdown()); err != nil {
		return err
	}
	say("said on the commit")
	return nil
}

// markdown is the comment.
func (r remark) markdown() string {
	release, env := markdown.Code(r.Release), markdown.Code(r.Environment)
	text := map[ending]string{
		rolledBack: fmt.Sprintf("**%s was taken back** from release %s", env, release),
		isHeld:     fmt.Sprintf("**%s is held** on release %s", env, release),
		isLifted:   fmt.Sprintf("**The hold of %s was lifted**", env),
		left:       fmt.Sprintf("**Release %s failed and still serves** in %s: somebody has to decide", release, env),
	}[r.Kind]
	if r.By != "" {
		text += " by " + markdown.Escape(r.By)
	}
	text += "."
	if r.To != "" && r.Kind == rolledBack {
		text += fmt.Sprintf(" Release %s serves again.", markdown.Code(r.To))
	}
	if r.Why != "" {
		text += "\n\nWhy: " + markdown.Escape(r.Why)
	}
	if r.Text != "" {
		text += "\n\n" + markdown.Escape(r.Text)
	}
	return text
}
