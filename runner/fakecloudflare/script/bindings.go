package script

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/durable"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// resolve returns a version's bindings: those sent, with inherit replaced by
// what the newest version before had under that name, then what is kept by
// type. Secrets are always kept; wrangler before 4.164 does not even ask. An
// inherit that finds nothing is 10057 in strict mode, else it is dropped.
func resolve(sent []upload.Binding, keep []string, before *Version, strict bool) ([]upload.Binding, error) {
	var out []upload.Binding
	var refusal *envelope.Error
	taken := map[string]bool{}
	for _, b := range sent {
		taken[b.Name] = true
		if b.Type != "inherit" {
			out = append(out, b)
			continue
		}
		old, reason := inherited(b, before)
		switch {
		case reason == "":
			out = append(out, old)
		case strict:
			if refusal == nil {
				refusal = &envelope.Error{Status: http.StatusBadRequest}
			}
			refusal.Details = append(refusal.Details, envelope.Detail{Code: 10057, Message: "inherit binding '" + b.Name + "' is invalid: " + reason})
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	if before == nil {
		return out, nil
	}
	for _, b := range before.Bindings {
		if !taken[b.Name] && (b.Secret() || slices.Contains(keep, b.Type)) {
			out = append(out, b)
		}
	}
	return out, nil
}

func inherited(b upload.Binding, before *Version) (upload.Binding, string) {
	if id := b.Text("version_id"); id != "" && id != "latest" {
		return upload.Binding{}, "version_id must be latest"
	}
	name := b.Name
	if old := b.Text("old_name"); old != "" {
		name = old
	}
	if before == nil {
		return upload.Binding{}, "there is no previous version"
	}
	old, ok := before.Binding(name)
	if !ok {
		return upload.Binding{}, "the previous version has no binding of this name"
	}
	old.Name = b.Name
	return old, ""
}

// bound checks that what the bindings name exists, as it will be once the
// script has these classes and exports.
func (s *Scripts) bound(name string, bindings []upload.Binding, classes durable.Classes, code upload.Code, versioned bool) error {
	for _, b := range bindings {
		var err error
		switch b.Type {
		case "service":
			err = s.serviceBound(name, b)
		case "durable_object_namespace":
			err = s.objectBound(name, b, classes, code, versioned)
		case "workflow":
			err = s.workflowBound(name, b, code)
		default:
			if check := s.world.Bound[b.Type]; check != nil {
				err = check(b)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// serviceBound lets a script be bound to itself even before it exists.
func (s *Scripts) serviceBound(name string, b upload.Binding) error {
	if target := b.Text("service"); target != name && s.all[target] == nil {
		return envelope.Fail(http.StatusBadRequest, 10144, "Service binding '%s' references Worker '%s' which was not found.", b.Name, target)
	}
	return nil
}

func (s *Scripts) objectBound(name string, b upload.Binding, classes durable.Classes, code upload.Code, versioned bool) error {
	class, owner := b.Text("class_name"), b.Text("script_name")
	if owner != "" && owner != name {
		other := s.all[owner]
		if other == nil {
			return envelope.Fail(http.StatusBadRequest, 10061, "Cannot create binding for class '%s' in script '%s' that does not exist.", class, owner)
		}
		if _, ok := other.Classes.ByName[class]; !ok {
			return envelope.Fail(http.StatusBadRequest, 10061, "Cannot create binding for class '%s' that is not exported by script '%s'.", class, owner)
		}
		return nil
	}
	if _, ok := classes.ByName[class]; ok {
		return nil
	}
	if !code.Has(class) {
		return envelope.Fail(http.StatusBadRequest, 10061, "Cannot create binding for class '%s' that is not exported by the script.", class)
	}
	if versioned {
		// Named by wrangler's source; 10061 with the other text was reported for the same case as well.
		return envelope.Fail(http.StatusBadRequest, 10123, "Cannot create binding for class '%s' in a version before its migration has been applied.", class)
	}
	return envelope.Fail(http.StatusBadRequest, 10061,
		"Cannot create binding for class '%s' because it is not currently configured to implement Durable Objects. Ensure a --new-class migration has been applied to it.", class)
}

// workflowBound refuses a class the script does not export. The real code is
// not documented; 10021 is what the rest of validation uses.
func (s *Scripts) workflowBound(name string, b upload.Binding, code upload.Code) error {
	owner, class := b.Text("script_name"), b.Text("class_name")
	if owner != "" && owner != name {
		if s.all[owner] == nil {
			return upload.Refuse("binding %s of type workflow names the script '%s' that does not exist", b.Name, owner)
		}
		return nil
	}
	if class != "" && !code.Has(class) {
		return upload.Refuse("binding %s of type workflow names the class '%s' that is not exported by the script", b.Name, class)
	}
	return nil
}

// names writes names as the API lists them in a sentence.
func names(list []string) string { return strings.Join(list, ", ") }
