package script_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// place is an account with a database "db", a file set "files" and nothing else.
type place struct {
	*script.Scripts
	t    *testing.T
	gone bool // the database
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t}
	p.Scripts = script.New(mint.New(nil, 1), script.World{
		Bound: map[string]func(upload.Binding) error{"d1": func(b upload.Binding) error {
			if p.gone || b.Text("id") != "db" {
				return envelope.Fail(400, 10181, "no database")
			}
			return nil
		}},
		Files: func(_, jwt string) (map[string]string, error) {
			if jwt != "files" {
				return nil, envelope.Fail(400, 10021, "no files")
			}
			return map[string]string{"/a": "hash"}, nil
		},
		Consumes:  func(name string) string { return map[string]string{"consumer": "q"}[name] },
		Subdomain: func() string { return "sub" },
	})
	return p
}

// sending makes an upload of a module that exports the classes, with more metadata as JSON.
func (p *place) sending(name, metadata string, classes ...string) script.Sending {
	p.t.Helper()
	code := "export default { fetch() {} };"
	for _, class := range classes {
		code += "export class " + class + " {};"
	}
	u := upload.Upload{Modules: []upload.Module{{Name: "i.js", Type: upload.ESModule, Body: []byte(code)}}}
	if metadata == "" {
		metadata = "{}"
	}
	if err := envelope.DecodeStrict([]byte(metadata), &u.Metadata); err != nil {
		p.t.Fatalf("%s: %v", metadata, err)
	}
	u.Metadata.MainModule = "i.js"
	return script.Sending{Script: name, Source: "api", Upload: u, Strict: true}
}

func (p *place) put(name, metadata string, classes ...string) *script.Version {
	p.t.Helper()
	v, err := p.Put(p.sending(name, metadata, classes...))
	if err != nil {
		p.t.Fatalf("put %s %s: %v", name, metadata, err)
	}
	return v
}

func (p *place) upload(name, metadata string, classes ...string) *script.Version {
	p.t.Helper()
	v, err := p.Upload(p.sending(name, metadata, classes...))
	if err != nil {
		p.t.Fatalf("upload %s %s: %v", name, metadata, err)
	}
	return v
}

func (p *place) deploy(name string, shares ...script.Share) error {
	_, err := p.Deploy(script.Switch{Script: name, Shares: shares})
	return err
}

func (p *place) secret(name, key, text string) error {
	b := upload.Secret(key, text)
	_, err := p.Rebind(script.Rebinding{Script: name, Change: map[string]*upload.Binding{key: &b}})
	return err
}

const db = `{"bindings":[{"name":"DB","type":"d1","id":"db"}]}`

func TestTheFirstUploadGoesLiveAndAVersionDoesNot(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	_, err := p.Upload(p.sending("w", ""))
	ask.Code(t, err, 10007)
	first := p.put("w", `{"annotations":{"workers/tag":"1"}}`)
	second := p.upload("w", "")
	w, err := p.Get("w")
	if err != nil || w.Serving().ID != first.ID || w.Newest().ID != second.ID || second.Number != 2 {
		t.Errorf("serving %v, newest %v, %v", w.Serving().ID, w.Newest().ID, err)
	}
	if first.Annotations["workers/tag"] != "1" || first.Annotations["workers/triggered_by"] != "upload" {
		t.Errorf("annotations %v", first.Annotations)
	}
	_, err = p.Put(p.sending("-w", ""))
	ask.Code(t, err, 10016)
}

func TestWhatABindingNamesMustExist(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("other", `{"migrations":{"new_tag":"v1","steps":[{"new_classes":["O"]}]}}`, "O")
	for _, test := range []struct {
		name, bindings string
		code           int
	}{
		{"a database", `{"name":"DB","type":"d1","id":"db"}`, 0},
		{"a missing database", `{"name":"DB","type":"d1","id":"nope"}`, 10181},
		{"a script", `{"name":"S","type":"service","service":"other"}`, 0},
		{"the script itself, before it exists", `{"name":"S","type":"service","service":"w"}`, 0},
		{"a missing script", `{"name":"S","type":"service","service":"nope"}`, 10144},
		{"another script's class", `{"name":"O","type":"durable_object_namespace","class_name":"O","script_name":"other"}`, 0},
		{"a missing script's class", `{"name":"O","type":"durable_object_namespace","class_name":"O","script_name":"nope"}`, 10061},
		{"a class the other script does not have", `{"name":"O","type":"durable_object_namespace","class_name":"X","script_name":"other"}`, 10061},
		{"an own class that is not exported", `{"name":"O","type":"durable_object_namespace","class_name":"X"}`, 10061},
		{"an own class without a migration", `{"name":"O","type":"durable_object_namespace","class_name":"Mine"}`, 10061},
		{"a workflow's class", `{"name":"F","type":"workflow","workflow_name":"f","class_name":"Mine"}`, 0},
		{"a workflow's class that is not exported", `{"name":"F","type":"workflow","workflow_name":"f","class_name":"X"}`, 10021},
		{"a workflow of a missing script", `{"name":"F","type":"workflow","workflow_name":"f","class_name":"X","script_name":"nope"}`, 10021},
		{"something nobody can check", `{"name":"A","type":"analytics_engine"}`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := p.sending("w", `{"bindings":[`+test.bindings+`]}`, "Mine")
			_, err := p.Put(in)
			ask.Code(t, err, test.code)
		})
	}
}

func TestDurableObjectMigrations(t *testing.T) {
	t.Parallel()
	const bound = `"bindings":[{"name":"O","type":"durable_object_namespace","class_name":"A"}]`
	step := func(old, now, step string) string {
		return fmt.Sprintf(`{%s,"migrations":{"old_tag":%q,"new_tag":%q,"steps":[%s]}}`, bound, old, now, step)
	}
	for _, test := range []struct {
		name, metadata string
		classes        string
		versioned      bool
		code           int
	}{
		{"nothing new", `{` + bound + `}`, "A", false, 0},
		{"one more class", step("v1", "v2", `{"new_sqlite_classes":["B"]}`), "A B", false, 0},
		{"the wrong tag", step("v0", "v2", `{}`), "A", false, 10079},
		{"no old tag", step("", "v2", `{}`), "A", false, 10079},
		{"a class that is not exported", step("v1", "v2", `{"new_classes":["B"]}`), "A", false, 10070},
		{"a class there already", step("v1", "v2", `{"new_classes":["A"]}`), "A", false, 10074},
		{"a class twice", step("v1", "v2", `{"new_classes":["B","B"]}`), "A B", false, 10074},
		{"a class that is gone from the code", `{}`, "B", false, 10064},
		{"deleting a class still bound", step("v1", "v2", `{"deleted_classes":["A"]}`), "A", false, 10061},
		{"deleting a class", `{"migrations":{"old_tag":"v1","new_tag":"v2","steps":[{"deleted_classes":["A"]}]}}`, "", false, 0},
		{"deleting a class that never was", step("v1", "v2", `{"deleted_classes":["X"]}`), "A", false, 10074},
		{"renaming", `{"migrations":{"old_tag":"v1","new_tag":"v2","steps":[{"renamed_classes":[{"from":"A","to":"B"}]}]}}`, "B", false, 0},
		{"renaming what never was", step("v1", "v2", `{"renamed_classes":[{"from":"X","to":"B"}]}`), "A B", false, 10074},
		{"transferring from another script", step("v1", "v2", `{"transferred_classes":[{"from":"O","from_script":"other","to":"B"}]}`), "A B", false, 0},
		{"transferring from nowhere", step("v1", "v2", `{"transferred_classes":[{"from":"O","from_script":"nope","to":"B"}]}`), "A B", false, 10061},
		{"a migration in a version", step("v1", "v2", `{"new_classes":["B"]}`), "A B", true, 10211},
		{"a version bound to a class not migrated", `{"bindings":[{"name":"B","type":"durable_object_namespace","class_name":"B"}]}`, "A B", true, 10123},
		{"a version without its class", `{}`, "B", true, 10064},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.put("other", `{"migrations":{"new_tag":"o1","steps":[{"new_classes":["O"]}]}}`, "O")
			p.put("w", `{`+bound+`,"migrations":{"new_tag":"v1","steps":[{"new_classes":["A"]}]}}`, "A")
			before, _ := p.Get("w")
			in := p.sending("w", test.metadata, strings.Fields(test.classes)...)
			var err error
			if test.versioned {
				_, err = p.Upload(in)
			} else {
				_, err = p.Put(in)
			}
			ask.Code(t, err, test.code)
			after, _ := p.Get("w")
			if test.code != 0 && (after.Classes.Tag != "v1" || len(after.Versions) != 1) {
				t.Errorf("a refused upload left %+v", after.Classes)
			}
			if test.name == "renaming" && after.Classes.ByName["B"] != before.Classes.ByName["A"] {
				t.Errorf("the objects of A did not go to B: %+v", after.Classes)
			}
			if other, _ := p.Get("other"); test.name == "transferring from another script" && len(other.Classes.ByName) != 0 {
				t.Errorf("the other script kept %+v", other.Classes)
			}
		})
	}
}

func TestInheritedAndKeptBindings(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("w", `{"bindings":[{"name":"DB","type":"d1","id":"db"},{"name":"VAR","type":"plain_text","text":"x"},{"name":"SECRET","type":"secret_text","text":"s"}]}`)
	list := func(v *script.Version) string {
		var out []string
		for _, b := range v.Bindings {
			out = append(out, b.Name+":"+b.Type)
		}
		return strings.Join(out, " ")
	}
	for _, test := range []struct{ name, metadata, want string }{
		{"secrets stay without asking", `{}`, "SECRET:secret_text"},
		{"a secret sent again replaces", `{"bindings":[{"name":"SECRET","type":"secret_text","text":"t"}]}`, "SECRET:secret_text"},
		{"the newest version counts, not the one that serves", `{"bindings":[{"name":"DB","type":"d1","id":"db"},{"name":"VAR","type":"plain_text","text":"x"}]}`, "DB:d1 VAR:plain_text SECRET:secret_text"},
		{"inherited", `{"bindings":[{"name":"DB","type":"inherit"},{"name":"VAR","type":"inherit","version_id":"latest"}]}`, "DB:d1 VAR:plain_text SECRET:secret_text"},
		{"kept by type", `{"keep_bindings":["plain_text"]}`, "VAR:plain_text SECRET:secret_text"},
	} {
		if got := list(p.upload("w", test.metadata)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	lost := p.sending("w", `{"bindings":[{"name":"X","type":"inherit"},{"name":"VAR","type":"inherit","version_id":"other"}]}`)
	_, err := p.Upload(lost)
	ask.Code(t, err, 10057)
	if refusal := new(envelope.Error); !asRefusal(err, &refusal) || len(refusal.Details) != 2 || !strings.HasPrefix(refusal.Details[0].Message, "inherit binding 'X' is invalid: ") {
		t.Errorf("one error for each: %v", err)
	}
	lost.Strict = false
	if v, err := p.Upload(lost); err != nil || list(v) != "SECRET:secret_text" {
		t.Errorf("not strict: %v", err)
	}
}

func TestAnAccountThatNeverOpenedWorkers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Scripts = script.New(mint.New(nil, 1), script.World{Subdomain: func() string { return "" }})
	_, err := p.Put(p.sending("w", ""))
	ask.Code(t, err, 10063)
	_, err = p.SetCrons("w", nil)
	ask.Code(t, err, 10063)
}

func asRefusal(err error, into **envelope.Error) bool {
	refusal, ok := err.(*envelope.Error)
	*into = refusal
	return ok
}
