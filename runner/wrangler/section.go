package wrangler

import (
	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// Value is a value of the configuration and the place where it is written.
type Value[T any] = document.Value[T]

// Section is one environment of a Worker, or its top level, with all that is in
// force there.
type Section struct {
	// Env is the environment's name, empty for the top level.
	Env string
	// At is the environment's header, or the start of the file.
	At finding.Position
	// Name is the script's name: the environment's own, or the top level's with
	// "-env" behind it. Its place is where the name was written.
	Name Value[string]
	// Account is account_id, which wins over CLOUDFLARE_ACCOUNT_ID.
	Account Value[string]
	Module  Module
	// Bindings are in the order in which wrangler sends them.
	Bindings []Binding
	Triggers Triggers
	// Objects are the Durable Object class migrations, oldest first.
	Objects  []ObjectMigration
	Settings Settings
	// Keys tells of every key in force where it is written and by whom.
	Keys map[string]Key
}

// Key is where a key of a section is written.
type Key struct {
	At finding.Position
	// FromTop: the environment has the key from the top level.
	FromTop bool
}

// Module is what decides the bytes of a Worker and how the runtime reads them.
type Module struct {
	// Main is the entry file, relative to the configuration file.
	Main   Value[string]
	Date   Value[string]   // compatibility_date, YYYY-MM-DD
	Flags  []Value[string] // compatibility_flags
	Emit   Emit
	Rules  []Rule
	Files  Files
	Define map[string]Value[string]
	Alias  map[string]Value[string]
	// Build is the custom build that must run before bundling.
	Build Build
}

// Emit are the switches of the bundler's output.
type Emit struct {
	NoBundle   Value[bool]
	Minify     Value[bool]
	KeepNames  Value[bool]
	SourceMaps Value[bool] // upload_source_maps
	Tsconfig   Value[string]
	JSXFactory Value[string]
	JSXFrag    Value[string]
}

// Files are the switches for modules beside the entry.
type Files struct {
	FindAdditional Value[bool]
	PreserveNames  Value[bool]
	BaseDir        Value[string]
}

// Rule says as what kind of module files are imported.
type Rule struct {
	Type        Value[string] // ESModule, CommonJS, CompiledWasm, Text or Data
	Globs       []Value[string]
	Fallthrough Value[bool]
}

// Build is wrangler's custom build.
type Build struct {
	Command Value[string]
	Cwd     Value[string]
}

// Triggers is all that makes a Worker run. None of it belongs to a version.
type Triggers struct {
	Routes []Route
	// Crons is nil when the configuration does not speak of crons at all.
	Crons       []Value[string]
	Consumers   []Consumer
	WorkersDev  Value[bool]
	PreviewURLs Value[bool]
}

// Route is a pattern on a zone, or a custom domain.
type Route struct {
	Pattern Value[string]
	Zone    Value[string] // zone_name
	ZoneID  Value[string]
	// Custom: the pattern is a host name that Cloudflare serves and resolves itself.
	Custom bool
	At     finding.Position
}

// Consumer is a queue that the Worker takes messages from.
type Consumer struct {
	Queue      Value[string]
	DeadLetter Value[string]
	// Settings are in the API's names and units: batch_size, max_retries,
	// max_wait_time_ms, max_concurrency (nil is automatic), retry_delay in seconds.
	Settings map[string]any
	At       finding.Position
}

// ObjectMigration is one step list of Durable Object classes.
type ObjectMigration struct {
	Tag Value[string]
	// Steps are the fields beside the tag as the API wants them: new_classes,
	// new_sqlite_classes, renamed_classes, deleted_classes, transferred_classes.
	Steps map[string]any
	At    finding.Position
}

// Settings are properties of a script that are neither bindings nor triggers,
// as decoded from the file, ready to be sent.
type Settings struct {
	Limits        Value[any]
	Placement     Value[any]
	Observability Value[any]
	Logpush       Value[bool]
	TailConsumers []Tail
	Assets        Assets
	// Secrets are the names under secrets.required.
	Secrets []Value[string]
	// KeepVars keeps variables that were set in the dashboard.
	KeepVars Value[bool]
}

// Tails are the Workers that receive the script's logs, as the API wants them.
func (s Settings) Tails() []map[string]any {
	tails := []map[string]any{}
	for _, t := range s.TailConsumers {
		tails = append(tails, t.Wire)
	}
	return tails
}

// Tail is a Worker that receives this one's logs.
type Tail struct {
	Service Value[string]
	// Wire is the entry as the API wants it.
	Wire map[string]any
}

// Assets are static files served beside the Worker.
type Assets struct {
	At        finding.Position
	Directory Value[string] // relative to the configuration file
	Binding   Value[string]
	// Config is what the API calls assets.config: html_handling, not_found_handling, run_worker_first.
	Config map[string]any
}
