package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/card"
	"github.com/tminus/deploy-action/checks/hook"
)

// While the server gives a job the time to take its release back itself, somebody who
// may can have it done at once.
func TestAPersonNeedNotWait(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.hub.User("ann", "write")
	y.hub.User("eve", "read")
	n := 0
	for _, tt := range []struct {
		name    string
		asks    *request
		hurried bool
	}{
		{"nobody asks", nil, false},
		{"a hold", &request{Do: card.Hold, By: "ann"}, false},
		{"a button, by who may not", &request{Do: card.RollBack, By: "eve", Unproven: true}, false},
		{"a button, by who may", &request{Do: card.RollBack, By: "ann", Unproven: true}, true},
		{"on the page", &request{Do: card.RollBack, By: "ann"}, true},
	} {
		n++
		env := fmt.Sprintf("production-%d", n)
		lane := laneOf("tminus/app", env)
		// Somebody else does a work of the lane, so that the others wait.
		if mine, err := y.server.queue.Ledger.Take(t.Context(), lane, "test", time.Minute); err != nil || !mine {
			t.Fatal(mine, err)
		}
		if tt.asks != nil {
			tt.asks.Repository, tt.asks.Environment = "tminus/app", env
			o, err := order("request", tt.name, lane, tt.asks)
			if err == nil {
				_, err = y.server.queue.Add(t.Context(), hook.Delivery{GUID: tt.name, Repository: "tminus/app"}, hook.Decision{Environment: env, Order: o})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := y.server.hurried(t.Context(), "tminus/app", env); got != tt.hurried {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
