package workers

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
)

// Subdomain is the account's name below workers.dev. The zero value is an account that never chose one.
type Subdomain struct {
	mu   sync.Mutex
	name string
}

// Set chooses the name.
func (s *Subdomain) Set(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
}

// Name returns the name, empty when none was chosen.
func (s *Subdomain) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name
}

// Workers is the API of scripts. Email is who is shown as author. Forget is
// told which script was deleted.
type Workers struct {
	Scripts   *script.Scripts
	Subdomain *Subdomain
	Email     string
	Forget    func(script string)
}

// Endpoints lists the API.
func (ws *Workers) Endpoints() []envelope.Endpoint {
	const base, one, service = "/accounts/{account}/workers", "/accounts/{account}/workers/scripts/{script}", "/accounts/{account}/workers/services/{script}"
	read, edit := envelope.ScriptsRead, envelope.ScriptsEdit
	own := []envelope.Endpoint{
		{Method: "GET", Path: base + "/scripts", Needs: read, Do: ws.getScripts},
		{Method: "GET", Path: one, Needs: read, Do: ws.getContent},
		{Method: "PUT", Path: one, Needs: edit, Do: ws.putScript},
		{Method: "DELETE", Path: one, Needs: edit, Do: ws.deleteScript},
		{Method: "GET", Path: one + "/content", Needs: read, Do: ws.getContent},
		{Method: "GET", Path: one + "/content/v2", Needs: read, Do: ws.getContent},
		{Method: "GET", Path: one + "/references", Needs: read, Do: ws.getReferences},
		{Method: "GET", Path: base + "/tails/by-consumer/{script}", Needs: read, Do: ws.getTailProducers},
		{Method: "GET", Path: service, Needs: read, Do: ws.getService},
		{Method: "DELETE", Path: service, Needs: edit, Do: ws.deleteScript},
		{Method: "GET", Path: base + "/workers", Needs: read, Do: ws.getWorkers},
		{Method: "GET", Path: base + "/workers/{script}", Needs: read, Do: ws.getWorker},
		{Method: "GET", Path: base + "/durable_objects/namespaces", Needs: read, Do: ws.getObjects},
		{Method: "GET", Path: base + "/subdomain", Needs: read, Do: ws.getAccountSubdomain},
		{Method: "PUT", Path: base + "/subdomain", Needs: edit, Do: ws.putAccountSubdomain},
		{Method: "GET", Path: base + "/subdomains/{name}", Needs: read, Do: ws.getSubdomainFree},
	}
	return slices.Concat(own, ws.versionEndpoints(one), ws.secretEndpoints(base, one), ws.settingEndpoints(one))
}

// scriptBody is a script as the list shows it.
type scriptBody struct {
	ID            string          `json:"id"`
	Tag           string          `json:"tag"`
	ETag          string          `json:"etag"`
	Tags          []string        `json:"tags"`
	MigrationTag  string          `json:"migration_tag,omitempty"`
	Handlers      []string        `json:"handlers"`
	Named         []namedBody     `json:"named_handlers"`
	LastFrom      string          `json:"last_deployed_from"`
	Placement     json.RawMessage `json:"placement,omitempty"`
	Logpush       bool            `json:"logpush"`
	Observability json.RawMessage `json:"observability,omitempty"`
	TailConsumers json.RawMessage `json:"tail_consumers"`
	UsageModel    string          `json:"usage_model"`
	Date          string          `json:"compatibility_date,omitempty"`
	Flags         []string        `json:"compatibility_flags,omitempty"`
	HasAssets     bool            `json:"has_assets"`
	HasModules    bool            `json:"has_modules"`
	CreatedOn     string          `json:"created_on"`
	ModifiedOn    string          `json:"modified_on"`
}

type namedBody struct {
	Name     string   `json:"name"`
	Handlers []string `json:"handlers"`
}

func body(s script.Script) scriptBody {
	v := s.Newest()
	out := scriptBody{
		ID: s.Name, Tag: s.Tag, ETag: v.ETag, Tags: s.Settings.Tags, MigrationTag: s.Classes.Tag, Handlers: v.Code.Handlers, Named: named(s),
		LastFrom: s.Live().Source, Placement: v.Runtime.Placement, Logpush: s.Settings.Logpush, Observability: s.Settings.Observability,
		TailConsumers: s.Settings.TailConsumers, UsageModel: "standard", Date: v.Runtime.Date, Flags: v.Runtime.Flags,
		HasAssets: v.Assets != nil, HasModules: v.Main != "" && !v.Worker, CreatedOn: s.CreatedOn, ModifiedOn: s.ModifiedOn,
	}
	if out.Handlers == nil {
		out.Handlers = []string{}
	}
	return out
}

// named lists the exported classes. Which of them handle what is not known; Durable Objects do.
func named(s script.Script) []namedBody {
	out := []namedBody{}
	for _, export := range s.Newest().Code.Exports {
		if export != "default" {
			out = append(out, namedBody{Name: export, Handlers: []string{"class"}})
		}
	}
	return out
}

func (ws *Workers) getScripts(*envelope.Call) (envelope.Answer, error) {
	var bodies []scriptBody
	for _, s := range ws.Scripts.All() {
		bodies = append(bodies, body(s))
	}
	return envelope.List(bodies), nil
}

func (ws *Workers) deleteScript(c *envelope.Call) (envelope.Answer, error) {
	if err := ws.Scripts.Delete(c.Param("script"), c.Query("force") == "true"); err != nil {
		return envelope.Answer{}, err
	}
	ws.Forget(c.Param("script"))
	return envelope.OK(nil), nil
}

// getService is the older view of a script, and knows another word for a missing one.
func (ws *Workers) getService(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10090, "This service does not exist on your account. (workers.api.error.service_not_found)")
	}
	return envelope.OK(map[string]any{
		"id": s.Name, "created_on": s.CreatedOn, "modified_on": s.ModifiedOn,
		"default_environment": map[string]any{"environment": "production", "created_on": s.CreatedOn, "modified_on": s.ModifiedOn, "script": body(s), "script_tag": s.Tag},
		"environments":        []map[string]any{{"environment": "production", "created_on": s.CreatedOn, "modified_on": s.ModifiedOn}},
	}), nil
}

func (ws *Workers) getReferences(c *envelope.Call) (envelope.Answer, error) {
	refs, err := ws.Scripts.References(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	incoming, objects := []map[string]string{}, []map[string]string{}
	for _, r := range refs {
		if r.Type == "service" {
			incoming = append(incoming, map[string]string{"service": r.Script, "environment": "production", "name": r.Binding})
		} else {
			objects = append(objects, map[string]string{"service": r.Script, "environment": "production", "name": r.Binding, "durable_object_namespace_name": r.Class})
		}
	}
	return envelope.OK(map[string]any{
		"services": map[string]any{"incoming": incoming, "outgoing": []any{}, "pages_function": false}, "durable_objects": objects, "dispatch_outbounds": []any{},
	}), nil
}

func (ws *Workers) getTailProducers(c *envelope.Call) (envelope.Answer, error) {
	var found []map[string]any
	for _, s := range ws.Scripts.All() {
		var consumers []struct {
			Service string `json:"service"`
		}
		if json.Unmarshal(s.Settings.TailConsumers, &consumers) != nil {
			continue
		}
		for _, consumer := range consumers {
			if consumer.Service == c.Param("script") {
				found = append(found, map[string]any{"consumer": map[string]string{"script": consumer.Service}, "producer": map[string]string{"script": s.Name}})
			}
		}
	}
	return envelope.List(found), nil
}

func (ws *Workers) workerBody(s script.Script) map[string]any {
	sub := map[string]any{"enabled": s.Subdomain.Enabled, "previews_enabled": s.Subdomain.Previews}
	if name := ws.Subdomain.Name(); name != "" {
		sub["url"] = "https://" + s.Name + "." + name + ".workers.dev"
		sub["preview_url_suffix"] = "-" + s.Name + "." + name + ".workers.dev"
	}
	return map[string]any{
		"id": s.Tag, "name": s.Name, "created_on": s.CreatedOn, "updated_on": s.ModifiedOn, "subdomain": sub, "tags": s.Settings.Tags,
		"logpush": s.Settings.Logpush, "observability": s.Settings.Observability, "tail_consumers": s.Settings.TailConsumers,
	}
}

func (ws *Workers) getWorkers(c *envelope.Call) (envelope.Answer, error) {
	var bodies []map[string]any
	for _, s := range ws.Scripts.All() {
		bodies = append(bodies, ws.workerBody(s))
	}
	return envelope.Paged(c, bodies, 10, 100)
}

func (ws *Workers) getWorker(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(ws.workerBody(s)), nil
}

func (ws *Workers) getAccountSubdomain(*envelope.Call) (envelope.Answer, error) {
	name := ws.Subdomain.Name()
	if name == "" {
		return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10007, "You do not have a workers.dev subdomain.")
	}
	return envelope.OK(map[string]string{"subdomain": name}), nil
}

var subdomainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (ws *Workers) putAccountSubdomain(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Subdomain string `json:"subdomain"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if !subdomainForm.MatchString(in.Subdomain) {
		return envelope.Answer{}, envelope.Invalid("the subdomain %q is no DNS label", in.Subdomain)
	}
	ws.Subdomain.Set(in.Subdomain)
	return envelope.OK(map[string]string{"subdomain": in.Subdomain}), nil
}

// getSubdomainFree answers with an error either way, as the real one does.
func (ws *Workers) getSubdomainFree(c *envelope.Call) (envelope.Answer, error) {
	if c.Param("name") == ws.Subdomain.Name() {
		return envelope.Answer{}, envelope.Fail(http.StatusConflict, 10031, "the subdomain is not available")
	}
	return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10032, "the subdomain is available")
}
