package rollback

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

// Way is a rollback on its way: what was found out of each script, and what was
// done. The zero Way is ready.
type Way struct {
	mu      sync.Mutex
	account *live.Account
	have    *evidence
	back    aim.Return
	scripts map[string]*passage
	touched bool // triggers were changed, or are being changed
	failed  string
}

// state is where a script is on its way back.
type state uint8

const (
	apart        state = iota // it is no part of the release that is taken back
	leaving                   // it serves that release, and can go back
	there                     // it serves what it should already
	superseded                // it serves something else by now
	refusedState              // something speaks against it
)

// passage is one script's way.
type passage struct {
	aim      aim.Aim
	state    state
	why      string // in words, for one that does not go
	now      []release.Share
	message  string // of the deployment that serves now
	release  string // that the versions to come are known by
	switched bool
}

// begin remembers what was read and says where each script is.
func (w *Way) begin(a *live.Account, have *evidence, r aim.Return) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.account, w.have, w.back, w.scripts = a, have, r, map[string]*passage{}
	for _, one := range r.Aims {
		w.scripts[one.Script] = place(a.Scripts[one.Script], one, r)
	}
}

// place says where a script is: the fence around everything that is changed.
func place(now live.Script, to aim.Aim, r aim.Return) *passage {
	p := &passage{aim: to, now: now.Shares(), message: now.Serving.Message(), release: r.To}
	l, ours := release.ParseLabel(p.message)
	for _, d := range now.History {
		if old, ok := release.ParseLabel(d.Message()); ok && len(to.Serves) > 0 && slices.Equal(shares(d), to.Serves) {
			p.release, p.aim.Digest = old.Release, cmp.Or(to.Digest, old.Digest)
			break
		}
	}
	switch {
	case to.OneWay == "" && slices.Equal(p.now, to.Serves):
		p.state, p.why = there, "serves "+brief(to.Serves)+" already"
	case ours && r.From != "" && l.Release == r.From, len(p.now) == 1 && to.Leaves != "" && p.now[0].Version == to.Leaves:
		p.state = leaving
	case to.Leaves == "" && r.From == "" && len(p.now) > 0: // a version that was named by a person
		p.state = leaving
	default:
		by := brief(p.now)
		if ours {
			by += " of release " + l.Release
		}
		p.state, p.why = superseded, "superseded by "+by
	}
	return p
}

// of gives a script's passage; that of a script which is no part of it stands still.
func (w *Way) of(script string) passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.scripts[script]; p != nil {
		return *p
	}
	return passage{state: apart, why: "was no part of it"}
}

// refuse notes that a script cannot go back.
func (w *Way) refuse(script, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.scripts[script]
	p.state, p.why = refusedState, why
}

// switching notes that a script is about to be switched.
func (w *Way) switching(script string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scripts[script].switched = true
}

// stick notes that a script could not be put back.
func (w *Way) stick(script string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = cmp.Or(w.failed, script)
}

// stuck is a script that could not be put back, empty if there is none.
func (w *Way) stuck() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// touching notes that triggers are about to be changed.
func (w *Way) touching() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched = true
}

// named are the scripts in a state, sorted.
func (w *Way) named(s state) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name, p := range w.scripts {
		if p.state == s {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// wanted are the triggers to be had again, of the scripts that go or went back.
func (w *Way) wanted() map[string]release.Triggers {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := map[string]release.Triggers{}
	for name, p := range w.scripts {
		if p.aim.Triggers != nil && (p.state == leaving || p.state == there) {
			want[name] = *p.aim.Triggers
		}
	}
	return want
}

// differs tells whether any trigger is not as it should be.
func (w *Way) differs() bool { return len(w.account.Changes(w.wanted())) > 0 }

// placed is a script as the record of the rollback keeps it.
func (w *Way) placed(s project.Script) release.Placed {
	p := w.of(s.Name)
	now := w.account.Scripts[s.Name]
	placed := release.Placed{Worker: s.Worker, Script: s.Name, Previous: now.Shares(), Digest: p.aim.Digest, Unchanged: true, Triggers: now.Triggers, PreviousTriggers: now.Triggers, At: s.At()}
	if len(placed.Previous) == 1 {
		placed.Version = placed.Previous[0].Version
	}
	if p.state == leaving {
		placed.Unchanged = false
		if len(p.aim.Serves) == 1 {
			placed.Version = p.aim.Serves[0].Version
		}
	}
	if p.aim.Triggers != nil && (p.state == leaving || p.state == there) {
		placed.Triggers = *p.aim.Triggers
	}
	return placed
}

// Summary says what became of the scripts, once the stage has ended.
func (w *Way) Summary() string {
	return fmt.Sprintf("%d put back, %d there already, %d superseded", len(w.named(leaving)), len(w.named(there)), len(w.named(superseded)))
}

// Back is the way that was found: which release is taken back, and to which.
func (w *Way) Back() aim.Return {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back
}

// Version is the version that a script serves again; empty if it is not known or
// if it shares its traffic.
func (w *Way) Version(script string) string {
	p := w.of(script)
	if (p.state == leaving || p.state == there) && len(p.aim.Serves) == 1 {
		return p.aim.Serves[0].Version
	}
	return ""
}

// Serves tells whether a script serves what it was to serve again.
func (w *Way) Serves(script string) bool {
	p := w.of(script)
	return p.state == there || p.state == apart || p.state == leaving && p.switched
}
