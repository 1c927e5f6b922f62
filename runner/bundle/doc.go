// Package bundle makes the modules of one Worker: what wrangler would upload,
// built in this process.
//
// [Build] runs esbuild with the options that wrangler gives it: workerd's
// conditions, node builtins by compatibility date, text, data and wasm modules
// by rule, aliases. Where wrangler polyfills node builtins with unenv, the
// project's own wrangler is asked once which ([ReadUnenv]), and its polyfills are
// bundled. What esbuild cannot do faithfully is told by [Options.Foreign], and
// [ByWrangler] has the project's own wrangler do it. [Survey] looks at sources
// that are not built yet.
//
// The room knows files and bytes, no configuration format, no environment and no
// account. It imports nothing of ours; problems carry plain places.
package bundle
