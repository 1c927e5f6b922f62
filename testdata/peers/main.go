// Command peers is a webhook server on palantir/go-githubapp, set up as policy-bot sets
// it up: a queue in memory of 100 with 10 workers. It is measured by go run
// ./cmd/sandbox bench webhook beside the server of this repository, and does the same:
// it ignores a deployment status that is no failure, and asks GitHub once about one
// that is.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"
)

// handler asks GitHub about every deployment that failed.
type handler struct{ url string }

// Handles implements githubapp.EventHandler.
func (handler) Handles() []string { return []string{"deployment_status"} }

// Handle implements githubapp.EventHandler.
func (h handler) Handle(ctx context.Context, _, id string, payload []byte) error {
	var p struct {
		Status struct {
			State string `json:"state"`
		} `json:"deployment_status"`
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
	}
	if err := json.Unmarshal(payload, &p); err != nil || p.Status.State != "failure" {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/repos/"+p.Repository.FullName+"/deployments?delivery="+id, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func main() {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	dispatcher := githubapp.NewEventDispatcher([]githubapp.EventHandler{handler{os.Getenv("GITHUB_API_URL")}}, os.Getenv("WEBHOOK_SECRET"),
		githubapp.WithScheduler(githubapp.QueueAsyncScheduler(100, 10)))
	fmt.Fprintln(os.Stderr, http.Serve(l, dispatcher))
	os.Exit(1)
}
