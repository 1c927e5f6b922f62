// Package ask lets a test of one product room call its endpoints as the API
// would, without a server and without tokens. Only tests import it.
package ask

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Room is a set of endpoints under test. Account stands for {account} in paths.
type Room struct {
	T         testing.TB
	Endpoints []envelope.Endpoint
}

// Reply is an answer taken apart.
type Reply struct {
	Status, Code int // Code is 0 when it succeeded
	Message      string
	Result       json.RawMessage
	Info         struct {
		Count int `json:"count"`
		Total int `json:"total_count"`
	}
	Header map[string][]string
	Raw    string
}

// Do calls "METHOD /path" with a JSON body (empty for none) and header pairs.
func (r Room) Do(line, body string, header ...string) Reply {
	r.T.Helper()
	method, path, _ := strings.Cut(line, " ")
	req := httptest.NewRequest(method, path, nil)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	call, err := envelope.NewTable(r.Endpoints).Find(req, req.URL.EscapedPath())
	var answer envelope.Answer
	if err == nil {
		call.Body = []byte(body)
		answer, err = call.Endpoint.Do(call)
	}
	w := httptest.NewRecorder()
	reply := Reply{Status: envelope.Send(w, answer, err), Header: w.Header(), Raw: w.Body.String()}
	var parsed struct {
		Errors []envelope.Detail `json:"errors"`
		Result json.RawMessage   `json:"result"`
		Info   json.RawMessage   `json:"result_info"`
	}
	if json.Unmarshal(w.Body.Bytes(), &parsed) != nil {
		return reply
	}
	reply.Result = parsed.Result
	if len(parsed.Errors) > 0 {
		reply.Code, reply.Message = parsed.Errors[0].Code, parsed.Errors[0].Message
	}
	if len(parsed.Info) > 0 {
		if err := json.Unmarshal(parsed.Info, &reply.Info); err != nil {
			r.T.Errorf("%s: result_info: %v", line, err)
		}
	}
	return reply
}

// Must calls and fails the test when the answer is a refusal; into, when not nil, receives the result.
func (r Room) Must(line, body string, into any, header ...string) Reply {
	r.T.Helper()
	reply := r.Do(line, body, header...)
	if reply.Status >= 300 {
		r.T.Fatalf("%s: %d %d %s", line, reply.Status, reply.Code, reply.Message)
	}
	if into != nil {
		if err := json.Unmarshal(reply.Result, into); err != nil {
			r.T.Fatalf("%s: result %s: %v", line, reply.Result, err)
		}
	}
	return reply
}

// Code checks the code with which err refuses; 0 means no error.
func Code(t testing.TB, err error, want int) {
	t.Helper()
	var refusal *envelope.Error
	switch {
	case want == 0 && err == nil:
	case !errors.As(err, &refusal):
		t.Errorf("got %v, want code %d", err, want)
	case refusal.Details[0].Code != want:
		t.Errorf("got %v, want code %d", err, want)
	}
}
