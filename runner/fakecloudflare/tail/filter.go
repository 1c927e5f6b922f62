package tail

import (
	"encoding/json"
	"slices"
	"strings"
)

// filter is one condition; each object of a tail's filters has one. Sampling
// is not applied: a fake that drops events at random helps nobody.
type filter struct {
	Sampling float64         `json:"sampling_rate,omitempty"`
	Outcome  []string        `json:"outcome,omitempty"`
	Method   []string        `json:"method,omitempty"`
	Query    string          `json:"query,omitempty"`
	Version  string          `json:"scriptVersion,omitempty"`
	Header   json.RawMessage `json:"header,omitempty"`    // not applied
	ClientIP []string        `json:"client_ip,omitempty"` // not applied
}

func passes(filters []filter, version string, event map[string]any) bool {
	for _, f := range filters {
		outcome, _ := event["outcome"].(string)
		switch {
		case len(f.Outcome) > 0 && !slices.Contains(f.Outcome, outcome),
			len(f.Method) > 0 && !slices.ContainsFunc(f.Method, func(m string) bool { return strings.EqualFold(m, method(event)) }),
			f.Version != "" && f.Version != version,
			f.Query != "" && !said(event, f.Query):
			return false
		}
	}
	return true
}

func method(event map[string]any) string {
	inner, _ := event["event"].(map[string]any)
	request, _ := inner["request"].(map[string]any)
	name, _ := request["method"].(string)
	return name
}

// said looks for a text in what was logged.
func said(event map[string]any, text string) bool {
	logs, err := json.Marshal(event["logs"])
	return err == nil && strings.Contains(string(logs), text)
}
