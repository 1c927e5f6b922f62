package wrangler

import (
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// reach says what an environment makes of a key of the top level.
type reach uint8

const (
	unknown   reach = iota // no such key
	inherited              // [env.X] value, else the top level's
	repeated               // each environment says it again or goes without
	topOnly                // only the top level may say it
)

// reaches sorts wrangler's keys by what environments do with them. Source:
// cloudflare/workers-sdk, packages/workers-utils/src/config/validation.ts, as of
// wrangler 4.125.
func reaches(key string) reach {
	switch {
	case slices.Contains(inheritedKeys, key):
		return inherited
	case slices.Contains(repeatedKeys, key):
		return repeated
	case slices.Contains(topOnlyKeys, key):
		return topOnly
	}
	return unknown
}

var inheritedKeys = strings.Fields(`
	account_id compatibility_date compatibility_flags jsx_factory jsx_fragment tsconfig rules name main
	find_additional_modules preserve_file_names base_dir route routes triggers assets limits placement build
	workers_dev preview_urls migrations exports logfwdr no_bundle minify keep_names first_party_worker logpush
	upload_source_maps observability access cache compliance_region python_modules previews`)

var repeatedKeys = strings.Fields(`
	vars secrets define durable_objects workflows kv_namespaces cloudchamber containers send_email queues connect
	r2_buckets d1_databases vectorize ai_search_namespaces ai_search websearch agent_memory hyperdrive services
	analytics_engine_datasets dispatch_namespaces mtls_certificates tail_consumers streaming_tail_consumers unsafe
	browser ai images stream media pipelines secrets_store_secrets artifacts unsafe_hello_world flagship
	worker_loaders ratelimits vpc_services vpc_networks version_metadata`)

var topOnlyKeys = strings.Fields(`
	send_metrics keep_vars dependencies_instrumentation addresses pages_build_output_dir dev site alias
	wasm_modules text_blobs data_blobs env $schema`)

// carriedKeys are the keys that reach Cloudflare through this tool, besides the
// ones in the table of bindings.
var carriedKeys = strings.Fields(`
	account_id compatibility_date compatibility_flags jsx_factory jsx_fragment tsconfig rules name main
	find_additional_modules preserve_file_names base_dir route routes triggers assets limits placement build
	workers_dev preview_urls migrations no_bundle minify keep_names logpush upload_source_maps observability
	vars secrets define tail_consumers alias keep_vars`)

// localKeys matter to wrangler itself or to local development only.
var localKeys = strings.Fields(`env $schema send_metrics dev dependencies_instrumentation`)

// refused tells whether a key changes what a Worker is at run time without this
// tool carrying it to Cloudflare. Such keys are refused, never dropped in silence.
func refused(key string) bool {
	if reaches(key) == unknown || slices.Contains(carriedKeys, key) || slices.Contains(localKeys, key) {
		return false
	}
	return !slices.ContainsFunc(kinds, func(k kind) bool { return k.key == key })
}

// inherit lays an environment over the top level by the rules of wrangler. The
// keys that came from the top level are told beside it.
func inherit(top, env *document.Node) (merged *document.Node, fromTop map[string]bool) {
	merged = document.Table(env.At)
	merged.Key = env.Key
	fromTop = map[string]bool{}
	for _, key := range env.Keys() {
		merged.Set(key, env.Field(key))
	}
	for _, key := range top.Keys() {
		own := env.Field(key) != nil || key == "routes" && env.Field("route") != nil || key == "route" && env.Field("routes") != nil
		takes := reaches(key) == inherited || reaches(key) == topOnly && key != "env"
		if takes && !own {
			merged.Set(key, top.Field(key))
			fromTop[key] = true
		}
	}
	return merged, fromTop
}

// reader adds to the typed reader what the keys of wrangler mean.
type reader struct{ document.Reader }

// unknownKeys warns of keys that wrangler does not know, and refuses those that
// this tool cannot carry.
func (r *reader) unknownKeys(table *document.Node, where string) {
	known := slices.Concat(inheritedKeys, repeatedKeys, topOnlyKeys)
	for _, key := range table.Keys() {
		n := table.Field(key)
		switch {
		case reaches(key) == unknown:
			r.Unknown(n, key, where, known)
		case refused(key):
			r.Add(finding.Errorf("unsupported", n.Place(), "%q is not carried to Cloudflare by this tool", key).
				Hintf("deploy this Worker with wrangler, or remove the key"))
		}
	}
}
