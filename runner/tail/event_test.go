package tail_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/tail"
)

func TestWhatAWorkerWasInvokedFor(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ event, want string }{
		{`{"request":{"url":"https://api.tminus.ink/v1/events?limit=5","method":"GET"},"response":{"status":200}}`, "GET https://api.tminus.ink/v1/events?limit=5"},
		{`{"queue":"sync","batchSize":10}`, "queue sync, 10 messages"},
		{`{"queue":"sync","batchSize":1}`, "queue sync, 1 message"},
		{`{"cron":"*/5 * * * *","scheduledTime":1700000000000}`, "cron */5 * * * *"},
		{`{"scheduledTime":"2026-11-22T04:00:00.000Z"}`, "alarm 2026-11-22T04:00:00Z"},
		{`{"rpcMethod":"ping"}`, "rpc ping"},
		{`{"mailFrom":"a@b.c","rcptTo":"d@e.f","rawSize":1}`, "email"},
		{`{"consumedEvents":[{"scriptName":"a"},{"scriptName":"b"}]}`, "tail a b"},
		{`{"message":"Tail is in sampling mode","type":"overload"}`, "info Tail is in sampling mode"},
		{`null`, "event"},
		{`{}`, "event"},
		{`"odd"`, "event"},
	} {
		e, err := tail.Parse([]byte(`{"outcome":"ok","event":`+one.event+`}`), nil)
		if err != nil || e.Trigger.String() != one.want {
			t.Errorf("%s: %q %v, want %q", one.event, e.Trigger, err, one.want)
		}
	}
}

func TestSecretsAreTakenOutOfEvents(t *testing.T) {
	t.Parallel()
	token := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	raw := `{"outcome":"exception","scriptName":"api","scriptVersion":{"id":"v1"},"eventTimestamp":1700000000000,
	 "event":{"request":{"url":"https://api.tminus.ink/callback?code=4/0leak1&state=leak2&access_token=leak3&page=2","method":"GET",
	  "headers":{"authorization":"Bearer leak4leak4","cookie":"sid=leak5","x-harmless":"leak6"},"cf":{"colo":"AMS"}}},
	 "logs":[
	  {"level":"log","timestamp":1700000000000,"message":["user",{"name":"ann","password":"leak7","deep":{"Set-Cookie":"sid=leak8"},"list":[["Authorization","leak9"]]}]},
	  {"level":"info","message":["cookie: sid=leak10; other=leak11\nnext line"]},
	  {"level":"info","message":["{\"Cookie\":\"a=leak12\",\"x-api-key\":\"leak13\",\"n\":1}"]},
	  {"level":"warn","message":["fetch https://ann:leak14@db.example.com/x?api_key=leak15#leak16 failed"]},
	  {"level":"error","message":["` + token + ` known-leak17 Bearer leak18leak18"]}],
	 "exceptions":[{"name":"Error","message":"known-leak17 ` + token + `","stack":"Error: known-leak17\n    at f (index.js:1:2)","timestamp":1700000000000}]}`
	e, err := tail.Parse([]byte(raw), func(text string) string { return strings.ReplaceAll(text, "known-leak17", "***") })
	if err != nil {
		t.Fatal(err)
	}
	shown, _ := json.Marshal(e)
	shown = append(shown, fmt.Sprintf("%+v %s", e, e.Trigger.Target())...)
	if text := string(shown); strings.Contains(text, "leak") || strings.Contains(text, token) {
		t.Errorf("a secret is left in %s", text)
	}
	for _, want := range []string{"user", "ann", "next line", `"n":1`, "index.js:1:2", "page=2"} {
		if !strings.Contains(fmt.Sprintf("%+v %s", e, e.Exceptions[0].Stack), want) {
			t.Errorf("%q is gone: %+v", want, e)
		}
	}
	if e.Trigger.Target() != "/callback?code=***&state=***&access_token=***&page=2" || e.Trigger.Path() != "/callback" {
		t.Errorf("target %s", e.Trigger.Target())
	}
}

func TestAnEventCannotPaintTheTerminal(t *testing.T) {
	t.Parallel()
	e, err := tail.Parse([]byte(`{"outcome":"ok\u001b[2J","logs":[{"level":"log","message":["a\u001b[31mred\u0007\u202eback\r\n\tb"]}],"event":{"queue":"q\u001b]0;t\u0007"}}`), nil)
	if err != nil || e.Logs[0].Text != "a[31mredback\n\tb" || e.Outcome != "ok[2J" || e.Trigger.Name != "q]0;t" {
		t.Errorf("%+v %v", e, err)
	}
}

func TestWhatWasThrown(t *testing.T) {
	t.Parallel()
	stack := `TypeError: x\n    at f (index.js:1:2)`
	for _, one := range []struct{ name, event, want string }{
		{"uncaught", `{"outcome":"exception","exceptions":[{"name":"TypeError","message":"x","stack":"` + stack + `"}]}`, "TypeError: x false 1"},
		{"caught and logged", `{"outcome":"ok","logs":[{"level":"error","message":["` + stack + `"]}]}`, "TypeError: x true 1"},
		{"logged, and no error", `{"outcome":"ok","logs":[{"level":"log","message":["` + stack + `"]}]}`, ""},
		{"an error without a stack", `{"outcome":"ok","logs":[{"level":"error","message":["no"]}]}`, ""},
		{"out of time", `{"outcome":"exceededCpu"}`, "ended with exceededCpu false 0"},
		{"hung up", `{"outcome":"canceled"}`, ""},
	} {
		e, err := tail.Parse([]byte(one.event), nil)
		got := ""
		for _, x := range e.Thrown() {
			got += fmt.Sprint(x.Text, " ", x.Handled, " ", len(x.Frames))
		}
		if err != nil || got != one.want {
			t.Errorf("%s: %q %v, want %q", one.name, got, err, one.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"outcome":"ok","event":{"request":{"url":"https://a/?x=%zz&code=1#f","method":"GET"}},"logs":[{"message":[{"a":[1,"b"]}]}]}`))
	f.Add([]byte(`{"eventTimestamp":1e300,"event":{"scheduledTime":-1},"logs":[{"message":{"cookie":{"x":1}}}],"exceptions":[{"message":null}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := tail.Parse(raw, nil)
		if err != nil {
			return
		}
		e.Thrown()
		if text := e.Trigger.String() + e.Trigger.Target() + e.Trigger.Path(); strings.ContainsRune(text, '\x1b') {
			t.Errorf("%q", text)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
	})
}
