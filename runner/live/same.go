package live

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/release"
)

// sameConsumer tells whether a live consumer is as wanted. Settings that nobody
// wrote are Cloudflare's to choose.
func sameConsumer(want, have release.Consumer) bool {
	if want.DeadLetter != have.DeadLetter {
		return false
	}
	for key, value := range want.Settings {
		if !reflect.DeepEqual(canonical(value), canonical(have.Settings[key])) {
			return false
		}
	}
	return true
}

// canonical is a value as it comes back from JSON, so that 5 and 5.0 are equal.
func canonical(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var back any
	if json.Unmarshal(raw, &back) != nil {
		return v
	}
	return back
}

// Same tells whether two values are equal once they are JSON. Nothing and an
// empty list are the same.
func Same(a, b any) bool {
	x, y := canonical(a), canonical(b)
	return reflect.DeepEqual(x, y) || empty(x) && empty(y)
}

func empty(v any) bool {
	list, ok := v.([]any)
	return v == nil || ok && len(list) == 0
}

// Within tells whether a live value has everything that is wanted. What it has
// besides is Cloudflare's to fill in; what it lacks counts as false.
func Within(want, have any) bool {
	w, ok := canonical(want).(map[string]any)
	if !ok {
		return Same(want, have)
	}
	h, _ := canonical(have).(map[string]any)
	for key, v := range w {
		if there, ok := h[key]; !ok && v != false || ok && !Within(v, there) {
			return false
		}
	}
	return true
}

func sortTriggers(t *release.Triggers) {
	t.Routes = slices.SortedFunc(slices.Values(t.Routes), func(a, b release.Route) int {
		return cmp.Or(strings.Compare(a.Pattern, b.Pattern), strings.Compare(a.Zone, b.Zone))
	})
	t.Domains = slices.Sorted(slices.Values(t.Domains))
	t.Crons = slices.Sorted(slices.Values(t.Crons))
	t.Consumers = slices.SortedFunc(slices.Values(t.Consumers), func(a, b release.Consumer) int { return strings.Compare(a.Queue, b.Queue) })
	t.Workflows = slices.SortedFunc(slices.Values(t.Workflows), func(a, b release.Workflow) int { return strings.Compare(a.Name, b.Name) })
}

func list(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return strings.Join(items, ", ")
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
