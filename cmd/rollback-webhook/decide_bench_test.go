package main

import (
	"encoding/json"
	"testing"

	"github.com/tminus/deploy-action/checks/hook"
)

// BenchmarkDecide measures what it takes to judge GitHub's example of a deployment
// status, made into one of ours: go test -run - -bench Decide ./cmd/rollback-webhook
func BenchmarkDecide(b *testing.B) {
	s := &server{config: config{Repository: []string{"Codertocat/Hello-World"}, Environment: []string{"production"}, Script: []string{"tminus-*-production"}, Creator: []string{"Codertocat"}}}
	for _, state := range []string{"success", "failure"} {
		d := failing(b)
		d["deployment_status"].(map[string]any)["state"] = state
		raw, err := json.Marshal(d)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(state, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if made := s.decide(hook.Delivery{GUID: "guid", Event: "deployment_status", Payload: raw}); (made.Order != nil) != (state == "failure") {
					b.Fatal(made.Reason)
				}
			}
		})
	}
}
