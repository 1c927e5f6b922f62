package rollback

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/remedy"
)

// triggers has the scripts run as they did: by the routes, crons, consumers and
// workflows that were recorded.
func (s Stage) triggers(ctx context.Context, out *pipeline.Out) error {
	if failed := s.Way.stuck(); failed != "" && !s.Partial {
		out.Endf("not begun, because %s could not be put back", failed)
		return nil
	}
	want := s.Way.wanted()
	if len(want) == 0 && len(s.Way.named(leaving)) > 0 {
		out.Note(finding.Warnf("triggers-unknown", finding.Position{}, "routes, crons, consumers and workflows stay as they are: no record tells what they were").
			Hintf("compare them with the configuration of the release that serves again"))
		return nil
	}
	group, changing := errgroup.WithContext(ctx)
	group.SetLimit(8)
	n := 0
	for _, c := range s.Way.account.Changes(want) {
		if c.Kind == live.KindWorkflow && c.Op == live.Remove {
			continue // its instances would go with it; the old code leaves them alone
		}
		n++
		s.Way.touching()
		group.Go(func() error {
			out.Sayf("%s: %s", c.Script, c)
			if err := c.Apply(changing, s.Client); err != nil {
				script, _ := s.Target.Script(c.Script)
				return finding.Errorf("not-put-back", script.At(), "%s could not be put back: %s", c, remedy.For(err, "Workers Routes:Edit")).
					Hintf("run the rollback again, which does only what is left")
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	out.Endf("%s", map[bool]string{true: "nothing differs", false: fmt.Sprintf("%d changes", n)}[n == 0])
	return nil
}

// data says what the release did to databases, which no rollback undoes.
func (s Stage) data(_ context.Context, out *pipeline.Out) error {
	n := 0
	for _, db := range s.Way.back.Migrated {
		for _, name := range db.Applied {
			n++
			number, _, _ := strings.Cut(name, "_")
			if strings.Trim(number, "0123456789") != "" {
				number = name
			}
			out.Note(finding.Warnf("migrated", finding.Position{}, "%s keeps what migration %s of release %s did: migrations go forward only", db.Name, name, s.Way.back.From).
				Hintf("if the old code cannot live with it, deploy-action compensate %s writes the compensating migration, which goes to staging and then here; before it, %s stood at Time Travel bookmark %s: npx wrangler d1 time-travel restore %s --bookmark %s loses what was written since", number, db.Name, db.Bookmark, db.Name, db.Bookmark))
		}
	}
	if n == 0 {
		out.Endf("the release applied none")
		return nil
	}
	out.Endf("%d stay applied", n)
	return nil
}

// Forward undoes a rollback that came to a stop half-way, so that the environment
// is wholly on one release: what was switched serves again what it served.
type Forward struct{ Stage }

// Name implements pipeline.Stage.
func (Forward) Name() string { return "forward" }

// Tasks implements pipeline.Stage.
func (f Forward) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	for _, script := range f.Target.Scripts {
		tasks = append(tasks, pipeline.Task{Title: "Restore " + script.Name, At: script.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
			p := f.Way.of(script.Name)
			if !p.switched || f.Partial {
				out.Endf("was not touched")
				return nil
			}
			now, err := f.Client.Deployments(ctx, script.Name)
			if err != nil || len(now) == 0 {
				return unknown(script.Name, script.At(), err)
			}
			if !slices.Equal(shares(now[0]), p.aim.Serves) {
				out.Endf("serves %s", brief(shares(now[0])))
				return nil
			}
			if _, err := f.Client.Deploy(ctx, script.Name, traffic(p.now), p.message, true); err != nil {
				return unknown(script.Name, script.At(), err)
			}
			out.Endf("serves %s as before the rollback", brief(p.now))
			return nil
		}})
	}
	return append(tasks, pipeline.Task{Title: "Restore the triggers", Do: f.restore})
}

// restore brings back the triggers that were live before the rollback.
func (f Forward) restore(ctx context.Context, out *pipeline.Out) error {
	if !f.Way.touched || f.Partial {
		out.Endf("were not touched")
		return nil
	}
	a, err := live.Read(ctx, f.Client, f.Scope)
	if err != nil {
		return err
	}
	want := f.Way.wanted()
	for name := range want {
		want[name] = f.Way.account.Scripts[name].Triggers
	}
	for _, c := range a.Changes(want) {
		if err := c.Apply(ctx, f.Client); err != nil {
			out.Note(finding.Errorf("not-put-back", finding.Position{}, "%s of %s could not be restored: %s", c, c.Script, err).Hintf("run the rollback again"))
		}
	}
	return nil
}

func unknown(script string, at finding.Position, err error) error {
	return finding.Errorf("not-put-back", at, "%s may serve another release than the others: %v", script, err).
		Hintf("look with deploy-action status, and run the rollback again")
}
