package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/runner/release"
)

// floodSecret signs what a flood consists of.
const floodSecret = "the secret of a flood, long enough"

// delivery is a signed request, byte for byte, and what became of it.
type delivery struct {
	guid    string
	request []byte
	status  int // zero if there was no answer
	took    time.Duration
}

func (d *delivery) accepted() bool { return d.status >= 200 && d.status < 300 }

// repositories are as many as there are lanes in a flood.
const repositories = 9

// deliveries are of deployments that all have different releases.
func deliveries(s *contender, state, kind string, count int) []*delivery {
	template := string(statusEvent(state))
	all := make([]*delivery, count)
	for i := range all {
		body := strings.NewReplacer("acme/app", fmt.Sprintf("acme/app-%d", i%repositories), "RELEASE", fmt.Sprintf("%s-%d", kind, i)).Replace(template)
		mac := hmac.New(sha256.New, []byte(floodSecret))
		mac.Write([]byte(body))
		signature := hex.EncodeToString(mac.Sum(nil))
		guid := fmt.Sprintf("%s-%s-11f0-8000-%012d", signature[:8], signature[8:12], i)
		all[i] = &delivery{guid: guid, request: fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: GitHub-Hookshot/044aadd\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
			"X-GitHub-Hook-ID: 1\r\nX-GitHub-Event: deployment_status\r\nX-GitHub-Delivery: %s\r\nX-Hub-Signature-256: sha256=%s\r\n\r\n%s", s.path, s.address, len(body), guid, signature, body)}
	}
	return all
}

// statusEvent is a delivery about the state of one of our deployments, in the shape and
// the size that GitHub gives it.
func statusEvent(state string) []byte {
	user := func(login string) map[string]any {
		return linked(map[string]any{"login": login, "id": 41898282, "type": "Bot"}, "https://api.github.com/users/"+login,
			"followers following gists starred subscriptions organizations repos events received_events")
	}
	m := release.Manifest{Schema: release.Schema, Release: "RELEASE", Commit: strings.Repeat("a1", 20), Environment: "production", Created: time.Now().UTC()}
	for i := range 9 {
		m.Workers = append(m.Workers, release.Placed{Worker: fmt.Sprintf("workers/worker-%d", i), Script: fmt.Sprintf("tminus-worker-%d-production", i), Version: "5f3f5e2a-0f3b-4a57-9a4f-2f6d0d1c9b1e",
			Previous: []release.Share{{Version: "c1d0c3a8-9e0a-4c55-8f5e-6c8a4a3e7d21", Percent: 100}}, Digest: "sha256:" + strings.Repeat("0f", 32)})
	}
	repository := linked(map[string]any{"id": 1, "full_name": "acme/app", "private": true, "owner": user("acme"), "default_branch": "main", "topics": []string{}}, "https://api.github.com/repos/acme/app",
		"forks keys collaborators teams hooks issue_events events assignees branches tags blobs git_tags git_refs trees statuses languages stargazers contributors subscribers subscription commits git_commits comments issue_comment contents compare merges archive downloads issues pulls milestones notifications labels releases deployments")
	event := map[string]any{
		"action":            "created",
		"deployment_status": linked(map[string]any{"id": 7, "state": state, "description": "Smoke production failed: it answered 500", "environment": "production", "creator": user("github-actions[bot]")}, "https://api.github.com/repos/acme/app/deployments/7/statuses/7", "target deployment repository environment log"),
		"deployment": linked(map[string]any{"id": 7, "sha": m.Commit, "ref": "main", "task": deployment.TaskDeploy, "environment": "production", "creator": user("github-actions[bot]"),
			"payload": deployment.Payload{By: deployment.Mark, Manifest: m}}, "https://api.github.com/repos/acme/app/deployments/7", "statuses repository"),
		"repository": repository, "sender": user("github-actions[bot]"), "organization": user("acme"),
	}
	raw, err := json.Marshal(event)
	if err != nil {
		return nil
	}
	return raw
}

// linked adds the addresses that GitHub gives with everything.
func linked(of map[string]any, base, names string) map[string]any {
	of["url"], of["node_id"] = base, "MDQ6VXNlcjQxODk4Mjgy"
	for name := range strings.FieldsSeq(names) {
		of[name+"_url"] = base + "/" + name
	}
	return of
}

// flood sends deliveries on so many connections, each when the one before was answered,
// or when its time has come if a rate a second is given. It tells how long that took.
func flood(ctx context.Context, address string, connections, rate int, all []*delivery) time.Duration {
	var next atomic.Int64
	var senders sync.WaitGroup
	began := time.Now()
	for range connections {
		senders.Go(func() {
			var c net.Conn
			var answers *bufio.Reader
			for i := next.Add(1) - 1; i < int64(len(all)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				d, due := all[i], time.Now()
				if rate > 0 {
					due = began.Add(time.Duration(i) * time.Second / time.Duration(rate))
					time.Sleep(time.Until(due))
				}
				if c == nil {
					var err error
					if c, err = net.DialTimeout("tcp", address, 10*time.Second); err != nil {
						d.took = time.Since(due)
						continue
					}
					answers = bufio.NewReader(c)
				}
				stays := d.send(c, answers)
				d.took = time.Since(due)
				if !stays {
					_ = c.Close()
					c = nil
				}
			}
			if c != nil {
				_ = c.Close()
			}
		})
	}
	senders.Wait()
	return time.Since(began)
}

// send waits for the answer as long as GitHub does, and tells whether the connection can
// be used again.
func (d *delivery) send(c net.Conn, answers *bufio.Reader) bool {
	if c.SetDeadline(time.Now().Add(10*time.Second)) != nil {
		return false
	}
	if _, err := c.Write(d.request); err != nil {
		return false
	}
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err == nil {
		d.status = res.StatusCode
	}
	return err == nil && !res.Close
}
