package upload

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// nodeByDefault is when Node's modules became part of the runtime without a flag.
const nodeByDefault = "2026-08-04"

// Node says whether the runtime gives this version Node's modules.
func (r Runtime) Node() bool {
	if slices.Contains(r.Flags, "no_nodejs_compat") {
		return false
	}
	return r.Date >= nodeByDefault || slices.Contains(r.Flags, "nodejs_compat") || slices.Contains(r.Flags, "nodejs_compat_v2")
}

// Check refuses a date that is none or lies ahead, and the flags workerd
// refuses as redundant since the date made them the default.
func (r Runtime) Check(now time.Time) error {
	if r.Date == "" {
		return nil
	}
	at, err := time.Parse(time.DateOnly, r.Date)
	if err != nil {
		return Refuse("Invalid compatibility date %q, it must have the form YYYY-MM-DD", r.Date)
	}
	if at.After(now) {
		return Refuse("Can't set compatibility date in the future: %q", r.Date)
	}
	for _, flag := range r.Flags {
		if r.Date >= nodeByDefault && (flag == "nodejs_compat" || flag == "nodejs_compat_v2") {
			return Refuse("The compatibility flag %s became the default as of %s so does not need to be specified anymore.", flag, nodeByDefault)
		}
	}
	return nil
}

// exports reads the exports of the one output of a build that has an entry point.
func exports(metafile string) []string {
	var meta struct {
		Outputs map[string]struct {
			Exports    []string `json:"exports"`
			EntryPoint string   `json:"entryPoint"`
		} `json:"outputs"`
	}
	if json.Unmarshal([]byte(metafile), &meta) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(meta.Outputs)) {
		if output := meta.Outputs[name]; output.EntryPoint != "" {
			slices.Sort(output.Exports)
			return output.Exports
		}
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
