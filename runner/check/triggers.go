package check

import (
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// routes finds patterns that two scripts claim, or one script twice. Cloudflare
// gives a pattern to one script only.
func (c *files) routes() {
	type claim struct {
		script string
		at     finding.Position
	}
	first := map[string]claim{}
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, r := range s.Section.Triggers.Routes {
				inherited := s.Section.Keys["routes"].FromTop || s.Section.Keys["route"].FromTop
				if r.Pattern.V == "" || inherited { // a rule of its own reports that
					continue
				}
				if r.Custom && strings.ContainsAny(r.Pattern.V, "*/") {
					c.add(finding.Errorf("bad-route", r.At, "custom domain %q is not a host name", r.Pattern.V).
						Hintf("write the host alone, without path and without wildcard"))
				}
				if other, ok := first[r.Pattern.V]; ok {
					c.add(finding.Errorf("duplicate-route", r.At, "route %s of %s is also claimed by %s", r.Pattern.V, s.Name, other.script).
						Hintf("leave it with one of the two").See(other.at))
					continue
				}
				first[r.Pattern.V] = claim{s.Name, r.At}
			}
		}
	}
}

// consumers finds queues that two scripts consume: Cloudflare allows one
// consumer for each queue (error 11004).
func (c *files) consumers() {
	type claim struct {
		script string
		at     finding.Position
	}
	first := map[string]claim{}
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, q := range s.Section.Triggers.Consumers {
				if other, ok := first[q.Queue.V]; ok && q.Queue.V != "" {
					c.add(finding.Errorf("duplicate-consumer", q.At, "queue %s is consumed by %s and by %s", q.Queue.V, other.script, s.Name).
						Hintf("a queue has one consumer; give one of the two a queue of its own").See(other.at))
					continue
				}
				first[q.Queue.V] = claim{s.Name, q.At}
				if q.DeadLetter.V == q.Queue.V && q.Queue.V != "" {
					c.add(finding.Errorf("duplicate-consumer", q.DeadLetter.At, "queue %s is its own dead letter queue", q.Queue.V).
						Hintf("name another queue"))
				}
			}
		}
	}
}

// public finds Workers without a route that wrangler would put on workers.dev,
// which is its default for a Worker without routes.
func (c *files) public() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			dev := s.Section.Triggers.WorkersDev
			if len(s.Section.Triggers.Routes) > 0 || dev.Written() && !dev.V {
				continue
			}
			if dev.V {
				c.add(finding.Errorf("public-worker", dev.At, "%s has no route and is public on workers.dev", s.Name).
					Hintf("set workers_dev = false, or waive this rule if the world may call it"))
				continue
			}
			c.add(finding.Warnf("public-worker", s.At(), "%s has no route, and wrangler would make it public on workers.dev", s.Name).
				Hintf("write workers_dev = false; this tool leaves workers.dev off unless workers_dev = true"))
		}
	}
}
