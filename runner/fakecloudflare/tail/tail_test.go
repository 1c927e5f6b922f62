package tail_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/tail"
)

const all = "/accounts/a/workers/scripts/w/tails"

// open makes a tail and connects to it over a real connection, as wrangler does.
func open(t *testing.T, filters string) (*tail.Tails, ask.Room, net.Conn, string) {
	t.Helper()
	ts := tail.New(mint.New(nil, 1), func(script string) bool { return script == "w" })
	t.Cleanup(ts.Close)
	room := ask.Room{T: t, Endpoints: ts.Endpoints()}
	server := httptest.NewServer(http.StripPrefix("/client/v4", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, err := envelope.NewTable(ts.Endpoints()).Find(r, r.URL.EscapedPath())
		var answer envelope.Answer
		if err == nil {
			answer, err = call.Endpoint.Do(call)
		}
		envelope.Send(w, answer, err)
	})))
	t.Cleanup(server.Close)
	var made struct{ ID, URL string }
	room.Must("POST "+all, `{"filters":`+filters+`}`, &made, "Host", "example.com")
	_, path, _ := strings.Cut(strings.TrimPrefix(made.URL, "ws://"), "/")
	conn, reader, _, err := ws.Dialer{Protocols: []string{"trace-v1"}}.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1)+"/"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if reader != nil {
		ws.PutReader(reader)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return ts, room, conn, made.ID
}

// frame reads one frame and not a byte more.
func frame(t *testing.T, conn net.Conn) ws.Frame {
	t.Helper()
	header, err := ws.ReadHeader(conn)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(conn, payload); err != nil {
		t.Fatal(err)
	}
	return ws.Frame{Header: header, Payload: payload}
}

// ready waits until the server has seen the socket: a pong is answered by its reader.
func ready(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := ws.WriteFrame(conn, ws.NewTextFrame([]byte(`{"debug":false}`))); err != nil { // unmasked, as wrangler sends it
		t.Fatal(err)
	}
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewPingFrame([]byte("wrangler tail ping")))); err != nil {
		t.Fatal(err)
	}
	if f := frame(t, conn); f.Header.OpCode != ws.OpPong || string(f.Payload) != "wrangler tail ping" {
		t.Fatalf("the ping was answered with %v %q", f.Header.OpCode, f.Payload)
	}
}

func TestATailHearsItsScript(t *testing.T) {
	t.Parallel()
	ts, room, conn, id := open(t, `[]`)
	ready(t, conn)
	if err := ts.Send("other", "v", map[string]any{"outcome": "ok"}); err != nil {
		t.Fatal(err)
	}
	if err := ts.Send("w", "v1", map[string]any{"outcome": "exception"}); err != nil {
		t.Fatal(err)
	}
	var event struct {
		Outcome, ScriptName string
		ScriptVersion       struct{ ID string }
	}
	if f := frame(t, conn); json.Unmarshal(f.Payload, &event) != nil || event.ScriptName != "w" || event.ScriptVersion.ID != "v1" || event.Outcome != "exception" {
		t.Errorf("heard %s", f.Payload)
	}
	room.Must("DELETE "+all+"/"+id, "", nil)
	if f := frame(t, conn); f.Header.OpCode != ws.OpClose {
		t.Errorf("the end is %v", f.Header.OpCode)
	}
	if reply := room.Do("DELETE "+all+"/"+id, ""); reply.Status != 404 {
		t.Errorf("ended twice: %d", reply.Status)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	ts, _, conn, _ := open(t, `[{"outcome":["exception"]},{"method":["get"]},{"query":"needle"}]`)
	ready(t, conn)
	for _, event := range []map[string]any{
		{"outcome": "ok"},
		{"outcome": "exception", "event": map[string]any{"request": map[string]any{"method": "POST"}}},
		{"outcome": "exception", "event": map[string]any{"request": map[string]any{"method": "GET"}}, "logs": []any{map[string]any{"message": []string{"hay"}}}},
		{"outcome": "exception", "event": map[string]any{"request": map[string]any{"method": "GET"}}, "logs": []any{map[string]any{"message": []string{"a needle"}}}},
	} {
		if err := ts.Send("w", "v", event); err != nil {
			t.Fatal(err)
		}
	}
	if f := frame(t, conn); !strings.Contains(string(f.Payload), "a needle") {
		t.Errorf("the first event through is %s", f.Payload)
	}
}

func TestTailsThatAreRefused(t *testing.T) {
	t.Parallel()
	_, room, _, _ := open(t, `[]`)
	if reply := room.Do("POST /accounts/a/workers/scripts/nope/tails", `{"filters":[]}`); reply.Code != 10007 {
		t.Errorf("a missing script: %d", reply.Code)
	}
	if reply := room.Do("GET /tails/guessed", ""); reply.Code != 7003 {
		t.Errorf("a guessed address: %d", reply.Code)
	}
	for range 9 {
		room.Must("POST "+all, ``, nil)
	}
	if reply := room.Do("POST "+all, ``); reply.Status != 400 {
		t.Errorf("the eleventh tail: %d", reply.Status)
	}
}
