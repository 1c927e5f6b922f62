package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/release"
)

// LastGood is the release that an environment was good on when the run looked,
// without this run's own.
func (k *Keeper) LastGood(env string) (release.Manifest, bool) {
	l := k.seen(k.at(env))
	if l == nil || !l.over() || l.good == nil {
		return release.Manifest{}, false
	}
	return *l.good, true
}

// Why is the reason for which a release was taken back or is held, as far as GitHub
// has it.
func (k *Keeper) Why(env, from string) string {
	l := k.seen(k.at(env))
	if l == nil || !l.over() {
		return ""
	}
	if words := l.held[from]; words != "" {
		return ", " + strings.ToLower(words[:1]) + words[1:]
	}
	if l.reason == nil || l.reason.From != from {
		return ""
	}
	text := ""
	if l.reason.By != "" {
		text += ", asked for by " + l.reason.By
	}
	if l.reason.Reason != "" {
		text += fmt.Sprintf(", because %q", l.reason.Reason)
	}
	return text
}

// Left tells which releases of an environment were left in progress by runs that are
// over, as far as is known after a while.
func (k *Keeper) Left(ctx context.Context, env string, wait time.Duration) []string {
	p := k.at(env)
	l := k.seen(p)
	if l == nil {
		l = k.look(ctx, p)
	}
	if !l.within(wait) {
		return nil
	}
	var names []string
	for _, h := range l.left() {
		names = append(names, h.Release)
	}
	return names
}

// Replaced are the values that secrets of an environment had before they were rotated,
// as far as that is known after a while.
func (k *Keeper) Replaced(env string, wait time.Duration) []release.Replaced {
	if l := k.seen(k.at(env)); l != nil && l.within(wait) {
		return l.replaced
	}
	return nil
}
