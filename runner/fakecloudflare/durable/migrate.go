package durable

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// Migration applies the steps of one upload to a script's classes. It changes
// its own copy only; the script takes Classes and Taken over once the whole
// upload is accepted.
type Migration struct {
	Mint     *mint.Mint
	Classes  Classes
	Code     upload.Code
	Bindings []upload.Binding
	// Of returns the classes of another script, false when there is none.
	Of      func(script string) (Classes, bool)
	Taken   []Transferred // what other scripts lost
	targets map[string]bool
}

// Transferred is a class that leaves its script.
type Transferred struct{ Script, Class string }

func badStep(code int, format string, args ...any) error {
	return envelope.Fail(http.StatusBadRequest, code, format, args...)
}

// Apply checks the tag, which is an optimistic lock, and takes all steps.
func (m *Migration) Apply(sent *upload.Migrations) error {
	if sent == nil {
		return m.exported()
	}
	if sent.OldTag != m.Classes.Tag {
		return envelope.Fail(http.StatusPreconditionFailed, 10079, "Migration tag precondition failed; current tag is '%s'", m.Classes.Tag)
	}
	m.targets = map[string]bool{}
	for _, step := range sent.All() {
		if err := m.step(step); err != nil {
			return err
		}
	}
	m.Classes.Tag = sent.NewTag
	m.Classes.Epoch++
	return m.exported()
}

func (m *Migration) step(step upload.Step) error {
	for _, class := range step.NewClasses {
		if err := m.add(class, false); err != nil {
			return err
		}
	}
	for _, class := range step.NewSQLiteClasses {
		if err := m.add(class, true); err != nil {
			return err
		}
	}
	for _, r := range step.Renamed {
		if err := m.move("rename-class", r.From, r.To, m.Classes.ByName); err != nil {
			return err
		}
		delete(m.Classes.ByName, r.From)
	}
	for _, t := range step.Transferred {
		if err := m.transfer(t); err != nil {
			return err
		}
	}
	for _, class := range step.Deleted {
		if err := m.remove(class); err != nil {
			return err
		}
	}
	return nil
}

func (m *Migration) add(class string, sqlite bool) error {
	if err := m.target("new-class", class); err != nil {
		return err
	}
	m.Classes.ByName[class] = Class{Namespace: m.Mint.Hex(), SQLite: sqlite}
	return nil
}

// target checks a class that is about to get objects: exported, free, and not given any twice.
func (m *Migration) target(what, class string) error {
	switch _, exists := m.Classes.ByName[class]; {
	case m.targets[class]:
		return badStep(10074, "class '%s' cannot be the target of more than one migration", class)
	case exists:
		return badStep(10074, "Cannot apply %s migration to class '%s' that is already depended on by existing Durable Objects", what, class)
	case !m.Code.Has(class):
		return badStep(10070, "Cannot apply %s migration to class '%s' that is not exported by script", what, class)
	}
	m.targets[class] = true
	return nil
}

func (m *Migration) move(what, from, to string, source map[string]Class) error {
	class, ok := source[from]
	if !ok {
		return badStep(10074, "Cannot apply %s migration from class '%s' that was not exported by the previous version of the script", what, from)
	}
	if err := m.target(what, to); err != nil {
		return err
	}
	m.Classes.ByName[to] = class
	return nil
}

func (m *Migration) transfer(t upload.Transfer) error {
	other, ok := m.Of(t.FromScript)
	if !ok {
		return badStep(10061, "Cannot apply transfer-class migration from script '%s' that does not exist", t.FromScript)
	}
	if err := m.move("transfer-class", t.From, t.To, other.ByName); err != nil {
		return err
	}
	m.Taken = append(m.Taken, Transferred{Script: t.FromScript, Class: t.From})
	return nil
}

func (m *Migration) remove(class string) error {
	if _, ok := m.Classes.ByName[class]; !ok {
		return badStep(10074, "Cannot apply --delete-class migration to class '%s' that was not exported by the previous version of the script", class)
	}
	for _, b := range m.Bindings {
		if b.Type == "durable_object_namespace" && b.Text("class_name") == class {
			return badStep(10061, "Cannot apply --delete-class migration to class '%s' without also removing the binding that references it.", class)
		}
	}
	delete(m.Classes.ByName, class)
	return nil
}

// exported refuses code that lost a class with objects.
func (m *Migration) exported() error {
	for _, class := range slices.Sorted(maps.Keys(m.Classes.ByName)) {
		if !m.Code.Has(class) {
			return badStep(10064, "%s", fmt.Sprintf("New version of script does not export class '%s' which is depended on by existing Durable Objects. "+
				"If you intend to move those objects try a rename-class migration, if you intend to delete them try a delete-class migration.", class))
		}
	}
	return nil
}
