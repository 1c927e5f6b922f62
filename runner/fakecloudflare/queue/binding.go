package queue

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// ServeBinding answers what a Worker's binding to a queue asks, in workerd's
// own protocol: POST /message with the body as it is and headers for its
// format and delay, POST /batch with bodies in base64, GET /metrics.
func (qs *Queues) ServeBinding(w http.ResponseWriter, r *http.Request, name string) {
	parts, err := parts(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q := qs.named(name)
	if q == nil {
		http.Error(w, "Queue '"+name+"' not found.", http.StatusNotFound)
		return
	}
	if err := qs.enqueue(q, parts); err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	count, bytes, oldest := q.backlog()
	metrics := map[string]int64{"backlogCount": count, "backlogBytes": bytes, "oldestMessageTimestamp": oldest}
	var out any = metrics
	if r.Method == http.MethodPost {
		out = map[string]any{"metadata": map[string]any{"metrics": metrics}}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // the runtime hung up; nobody is left to tell
}

func parts(r *http.Request) ([]incoming, error) {
	delay, err := delaySeconds(r.Header.Get("X-Msg-Delay-Secs"))
	if err != nil {
		return nil, err
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /metrics":
		return nil, nil
	case "POST /message":
		body, err := io.ReadAll(r.Body)
		return []incoming{{Body: base64.StdEncoding.EncodeToString(body), Type: r.Header.Get("X-Msg-Fmt"), Delay: delay}}, err
	case "POST /batch":
		var in struct {
			Messages []incoming `json:"messages"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, envelope.Invalid("read the batch: %v", err)
		}
		for i := range in.Messages {
			if in.Messages[i].Delay == nil {
				in.Messages[i].Delay = delay
			}
		}
		return in.Messages, nil
	default:
		return nil, envelope.Invalid("%s %s is nothing a queue binding does", r.Method, r.URL.Path)
	}
}

func delaySeconds(text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 86400 {
		return nil, envelope.Invalid("message delay %s is invalid", text)
	}
	return &n, nil
}
