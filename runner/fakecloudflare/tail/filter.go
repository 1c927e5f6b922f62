package tail

import (
	"encoding/json"
	"slices"
	"strings"
)

// filter is one condition; each object of a tail's filters has one. Sampling
// is not applied: a fake that drops events at random helps nobody.
type filter struct {
	Sampling float64  `json:"sampling_rate,omitempty"`
	Outcome  []string `json:"outcome,omitempty"`
	Method   []string `json:"method,omitempty"`
	Query    string   `json:"query,omitempty"`
	Version  string   `json:"scriptVersion,omitempty"`
	Header   *header  `json:"header,omitempty"`
	ClientIP []string `json:"client_ip,omitempty"` // not applied
}

// header is a condition on a header of the request: that it is there, and if there is
// a query, that it holds it.
type header struct {
	Key   string `json:"key"`
	Query string `json:"query,omitempty"`
}

func (h *header) in(event map[string]any) bool {
	inner, _ := event["event"].(map[string]any)
	request, _ := inner["request"].(map[string]any)
	headers, _ := request["headers"].(map[string]any)
	for name, value := range headers {
		if text, ok := value.(string); ok && strings.EqualFold(name, h.Key) {
			return strings.Contains(text, h.Query)
		}
	}
	return false
}

func passes(filters []filter, version string, event map[string]any) bool {
	for _, f := range filters {
		outcome, _ := event["outcome"].(string)
		switch {
		case len(f.Outcome) > 0 && !slices.Contains(f.Outcome, outcome),
			len(f.Method) > 0 && !slices.ContainsFunc(f.Method, func(m string) bool { return strings.EqualFold(m, method(event)) }),
			f.Version != "" && f.Version != version,
			f.Header != nil && !f.Header.in(event),
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
