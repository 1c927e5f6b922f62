package wrangler

import (
	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// section reads all that is in force in one environment.
func (r *reader) section(env string, n *document.Node, fromTop map[string]bool) Section {
	s := Section{
		Env:      env,
		At:       n.Place(),
		Name:     r.Str(n, "name"),
		Account:  r.Str(n, "account_id"),
		Module:   r.module(n),
		Bindings: r.bindings(n),
		Triggers: r.triggers(n),
		Objects:  r.objects(n),
		Settings: r.settings(n),
		Keys:     map[string]Key{},
	}
	if env != "" && fromTop["name"] && s.Name.V != "" {
		s.Name.V += "-" + env
	}
	for _, key := range n.Keys() {
		s.Keys[key] = Key{At: n.Field(key).Place(), FromTop: fromTop[key]}
	}
	return s
}

func (r *reader) module(n *document.Node) Module {
	m := Module{
		Main:  r.Str(n, "main"),
		Date:  r.Str(n, "compatibility_date"),
		Flags: r.Strs(n, "compatibility_flags"),
		Emit: Emit{
			NoBundle:   r.Bool(n, "no_bundle"),
			Minify:     r.Bool(n, "minify"),
			KeepNames:  r.Bool(n, "keep_names"),
			SourceMaps: r.Bool(n, "upload_source_maps"),
			Tsconfig:   r.Str(n, "tsconfig"),
			JSXFactory: r.Str(n, "jsx_factory"),
			JSXFrag:    r.Str(n, "jsx_fragment"),
		},
		Files: Files{
			FindAdditional: r.Bool(n, "find_additional_modules"),
			PreserveNames:  r.Bool(n, "preserve_file_names"),
			BaseDir:        r.Str(n, "base_dir"),
		},
		Define: r.Dict(n, "define"),
		Alias:  r.Dict(n, "alias"),
	}
	for _, rule := range r.Tables(n, "rules") {
		m.Rules = append(m.Rules, Rule{
			Type:        r.Str(rule, "type"),
			Globs:       r.Strs(rule, "globs"),
			Fallthrough: r.Bool(rule, "fallthrough"),
		})
	}
	if build := r.Table(n, "build"); build != nil {
		m.Build = Build{Command: r.Str(build, "command"), Cwd: r.Str(build, "cwd")}
	}
	return m
}

func (r *reader) triggers(n *document.Node) Triggers {
	t := Triggers{
		WorkersDev:  r.Bool(n, "workers_dev"),
		PreviewURLs: r.Bool(n, "preview_urls"),
	}
	if one := n.Field("route"); one != nil {
		t.Routes = append(t.Routes, r.route(one))
		if n.Field("routes") != nil {
			r.Add(finding.Errorf("config", one.Place(), `"route" and "routes" are both written`).
				Hintf(`move the pattern into "routes"`).See(n.Field("routes").Place()))
		}
	}
	if routes := n.Field("routes"); routes.IsList() {
		for _, one := range routes.Items() {
			t.Routes = append(t.Routes, r.route(one))
		}
	} else if routes != nil {
		r.Wrong(routes, "routes", "a list")
	}
	if table := r.Table(n, "triggers"); table != nil {
		t.Crons = r.Strs(table, "crons")
	}
	for _, one := range r.Tables(r.Table(n, "queues"), "consumers") {
		t.Consumers = append(t.Consumers, r.consumer(one))
	}
	return t
}

func (r *reader) route(n *document.Node) Route {
	if pattern, ok := n.Scalar.(string); ok {
		return Route{Pattern: Value[string]{V: pattern, At: n.At}, At: n.At}
	}
	if !n.IsTable() {
		r.Wrong(n, "routes", "a list of patterns or tables")
		return Route{At: n.At}
	}
	route := Route{
		Pattern: r.Str(n, "pattern"),
		Zone:    r.Str(n, "zone_name"),
		ZoneID:  r.Str(n, "zone_id"),
		Custom:  r.Bool(n, "custom_domain").V,
		At:      n.At,
	}
	if !route.Pattern.Written() {
		r.Add(finding.Errorf("config", n.At, `a route has no "pattern"`).Hintf("write the host and path that it serves"))
		return route
	}
	route.At = route.Pattern.At
	return route
}

// consumerFields maps the configuration's names to the API's.
var consumerFields = map[string]string{
	"max_batch_size":        "batch_size",
	"max_batch_timeout":     "max_wait_time_ms",
	"max_retries":           "max_retries",
	"max_concurrency":       "max_concurrency",
	"retry_delay":           "retry_delay",
	"visibility_timeout_ms": "visibility_timeout_ms",
}

func (r *reader) consumer(n *document.Node) Consumer {
	c := Consumer{Queue: r.Str(n, "queue"), DeadLetter: r.Str(n, "dead_letter_queue"), Settings: map[string]any{}, At: n.Place()}
	if !c.Queue.Written() {
		r.Add(finding.Errorf("config", n.Place(), `a queue consumer has no "queue"`).Hintf("name the queue"))
	} else {
		c.At = c.Queue.At
	}
	if kind := r.Str(n, "type"); kind.Or("worker") != "worker" {
		r.Add(finding.Errorf("unsupported", kind.At, "a consumer of type %q is not a Worker", kind.V).
			Hintf("remove it; pull consumers are made with wrangler queues consumer"))
	}
	for _, key := range n.Keys() {
		to, ok := consumerFields[key]
		if !ok {
			continue
		}
		v := n.Field(key).Scalar
		switch number := v.(type) {
		case int64:
			c.Settings[to] = number
		case nil:
			c.Settings[to] = nil
			continue
		default:
			r.Wrong(n.Field(key), key, "a whole number")
			continue
		}
		if key == "max_batch_timeout" {
			c.Settings[to] = v.(int64) * 1000 // seconds to milliseconds
		}
	}
	return c
}

func (r *reader) objects(n *document.Node) []ObjectMigration {
	var all []ObjectMigration
	for _, one := range r.Tables(n, "migrations") {
		m := ObjectMigration{Tag: r.Str(one, "tag"), Steps: map[string]any{}, At: one.Place()}
		if !m.Tag.Written() {
			r.Add(finding.Errorf("config", one.Place(), `a class migration has no "tag"`).Hintf("give it a tag of its own, such as v1"))
		}
		for _, key := range one.Keys() {
			if key != "tag" {
				m.Steps[key] = one.Field(key).Plain()
			}
		}
		all = append(all, m)
	}
	return all
}

func (r *reader) settings(n *document.Node) Settings {
	s := Settings{
		Limits:        r.Any(n, "limits"),
		Placement:     r.Any(n, "placement"),
		Observability: r.Any(n, "observability"),
		Logpush:       r.Bool(n, "logpush"),
		KeepVars:      r.Bool(n, "keep_vars"),
	}
	for _, one := range r.Tables(n, "tail_consumers") {
		wire, _ := one.Plain().(map[string]any)
		s.TailConsumers = append(s.TailConsumers, Tail{Service: r.Str(one, "service"), Wire: wire})
	}
	if table := r.Table(n, "secrets"); table != nil {
		s.Secrets = r.Strs(table, "required")
	}
	if table := r.Table(n, "assets"); table != nil {
		s.Assets = Assets{At: table.Place(), Directory: r.Str(table, "directory"), Binding: r.Str(table, "binding"), Config: map[string]any{}}
		for _, key := range table.Keys() {
			switch key {
			case "html_handling", "not_found_handling", "run_worker_first":
				s.Assets.Config[key] = table.Field(key).Plain()
			}
		}
	}
	return s
}
