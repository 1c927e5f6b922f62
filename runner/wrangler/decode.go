package wrangler

import (
	"github.com/tminus/deploy-action/runner/finding"
)

// section reads all that is in force in one environment.
func (r *reader) section(env string, n *node, fromTop map[string]bool) Section {
	s := Section{
		Env:      env,
		At:       n.place(),
		Name:     r.str(n, "name"),
		Account:  r.str(n, "account_id"),
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
	for _, key := range n.keys {
		s.Keys[key] = Key{At: n.fields[key].place(), FromTop: fromTop[key]}
	}
	return s
}

func (r *reader) module(n *node) Module {
	m := Module{
		Main:  r.str(n, "main"),
		Date:  r.str(n, "compatibility_date"),
		Flags: r.strs(n, "compatibility_flags"),
		Emit: Emit{
			NoBundle:   r.boolean(n, "no_bundle"),
			Minify:     r.boolean(n, "minify"),
			KeepNames:  r.boolean(n, "keep_names"),
			SourceMaps: r.boolean(n, "upload_source_maps"),
			Tsconfig:   r.str(n, "tsconfig"),
			JSXFactory: r.str(n, "jsx_factory"),
			JSXFrag:    r.str(n, "jsx_fragment"),
		},
		Files: Files{
			FindAdditional: r.boolean(n, "find_additional_modules"),
			PreserveNames:  r.boolean(n, "preserve_file_names"),
			BaseDir:        r.str(n, "base_dir"),
		},
		Define: r.dict(n, "define"),
		Alias:  r.dict(n, "alias"),
	}
	for _, rule := range r.tables(n, "rules") {
		m.Rules = append(m.Rules, Rule{
			Type:        r.str(rule, "type"),
			Globs:       r.strs(rule, "globs"),
			Fallthrough: r.boolean(rule, "fallthrough"),
		})
	}
	if build := r.table(n, "build"); build != nil {
		m.Build = Build{Command: r.str(build, "command"), Cwd: r.str(build, "cwd")}
	}
	return m
}

func (r *reader) triggers(n *node) Triggers {
	t := Triggers{
		WorkersDev:  r.boolean(n, "workers_dev"),
		PreviewURLs: r.boolean(n, "preview_urls"),
	}
	if one := n.field("route"); one != nil {
		t.Routes = append(t.Routes, r.route(one))
		if n.field("routes") != nil {
			r.add(finding.Errorf("config", one.place(), `"route" and "routes" are both written`).
				Hintf(`move the pattern into "routes"`).See(n.field("routes").place()))
		}
	}
	if routes := n.field("routes"); routes.isList() {
		for _, one := range routes.items {
			t.Routes = append(t.Routes, r.route(one))
		}
	} else if routes != nil {
		r.wrong(routes, "routes", "a list")
	}
	if table := r.table(n, "triggers"); table != nil {
		t.Crons = r.strs(table, "crons")
	}
	for _, one := range r.tables(r.table(n, "queues"), "consumers") {
		t.Consumers = append(t.Consumers, r.consumer(one))
	}
	return t
}

func (r *reader) route(n *node) Route {
	if pattern, ok := n.scalar.(string); ok {
		return Route{Pattern: Value[string]{V: pattern, At: n.at}, At: n.at}
	}
	if !n.isTable() {
		r.wrong(n, "routes", "a list of patterns or tables")
		return Route{At: n.at}
	}
	route := Route{
		Pattern: r.str(n, "pattern"),
		Zone:    r.str(n, "zone_name"),
		ZoneID:  r.str(n, "zone_id"),
		Custom:  r.boolean(n, "custom_domain").V,
		At:      n.at,
	}
	if !route.Pattern.Written() {
		r.add(finding.Errorf("config", n.at, `a route has no "pattern"`).Hintf("write the host and path that it serves"))
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

func (r *reader) consumer(n *node) Consumer {
	c := Consumer{Queue: r.str(n, "queue"), DeadLetter: r.str(n, "dead_letter_queue"), Settings: map[string]any{}, At: n.place()}
	if !c.Queue.Written() {
		r.add(finding.Errorf("config", n.place(), `a queue consumer has no "queue"`).Hintf("name the queue"))
	} else {
		c.At = c.Queue.At
	}
	if kind := r.str(n, "type"); kind.Or("worker") != "worker" {
		r.add(finding.Errorf("unsupported", kind.At, "a consumer of type %q is not a Worker", kind.V).
			Hintf("remove it; pull consumers are made with wrangler queues consumer"))
	}
	for _, key := range n.keys {
		to, ok := consumerFields[key]
		if !ok {
			continue
		}
		v := n.fields[key].scalar
		switch number := v.(type) {
		case int64:
			c.Settings[to] = number
		case nil:
			c.Settings[to] = nil
			continue
		default:
			r.wrong(n.fields[key], key, "a whole number")
			continue
		}
		if key == "max_batch_timeout" {
			c.Settings[to] = v.(int64) * 1000 // seconds to milliseconds
		}
	}
	return c
}

func (r *reader) objects(n *node) []ObjectMigration {
	var all []ObjectMigration
	for _, one := range r.tables(n, "migrations") {
		m := ObjectMigration{Tag: r.str(one, "tag"), Steps: map[string]any{}, At: one.place()}
		if !m.Tag.Written() {
			r.add(finding.Errorf("config", one.place(), `a class migration has no "tag"`).Hintf("give it a tag of its own, such as v1"))
		}
		for _, key := range one.keys {
			if key != "tag" {
				m.Steps[key] = one.fields[key].plain()
			}
		}
		all = append(all, m)
	}
	return all
}

func (r *reader) settings(n *node) Settings {
	s := Settings{
		Limits:        r.any(n, "limits"),
		Placement:     r.any(n, "placement"),
		Observability: r.any(n, "observability"),
		Logpush:       r.boolean(n, "logpush"),
		KeepVars:      r.boolean(n, "keep_vars"),
	}
	for _, one := range r.tables(n, "tail_consumers") {
		wire, _ := one.plain().(map[string]any)
		s.TailConsumers = append(s.TailConsumers, Tail{Service: r.str(one, "service"), Wire: wire})
	}
	if table := r.table(n, "secrets"); table != nil {
		s.Secrets = r.strs(table, "required")
	}
	if table := r.table(n, "assets"); table != nil {
		s.Assets = Assets{At: table.place(), Directory: r.str(table, "directory"), Binding: r.str(table, "binding"), Config: map[string]any{}}
		for _, key := range table.keys {
			switch key {
			case "html_handling", "not_found_handling", "run_worker_first":
				s.Assets.Config[key] = table.fields[key].plain()
			}
		}
	}
	return s
}
