package d1_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

const all = "/accounts/a/d1/database"

type place struct {
	ask.Room
	ds *d1.Databases
	id string
}

func newPlace(t *testing.T, clock func() time.Time) place {
	t.Helper()
	ds := d1.New(mint.New(clock, 1))
	t.Cleanup(func() {
		if err := ds.Close(); err != nil {
			t.Error(err)
		}
	})
	p := place{Room: ask.Room{T: t, Endpoints: ds.Endpoints()}, ds: ds}
	var made struct{ UUID string }
	p.Must("POST "+all, `{"name":"registry"}`, &made)
	p.id = made.UUID
	return p
}

func (p place) query(sql string) ask.Reply {
	p.T.Helper()
	body, _ := json.Marshal(map[string]string{"sql": sql})
	return p.Do("POST "+all+"/"+p.id+"/query", string(body))
}

// one returns the first column of the first row.
func (p place) one(sql string) any {
	p.T.Helper()
	reply := p.Must("POST "+all+"/"+p.id+"/raw", `{"sql":"`+sql+`"}`, nil)
	var results []struct{ Results struct{ Rows [][]any } }
	if err := json.Unmarshal(reply.Result, &results); err != nil || len(results[0].Results.Rows) == 0 {
		p.T.Fatalf("%s: %s %v", sql, reply.Result, err)
	}
	return results[0].Results.Rows[0][0]
}

func TestDatabasesAreMadeFoundAndDeleted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	for _, test := range []struct {
		name, line, body string
		status, code     int
	}{
		{"the name is taken", "POST " + all, `{"name":"registry"}`, 400, 7502},
		{"the name is none", "POST " + all, `{"name":"a b"}`, 400, 7400},
		{"an unknown field", "POST " + all, `{"name":"x","size":1}`, 400, 1001},
		{"by name", "GET " + all + "/registry", "", 200, 0},
		{"missing", "GET " + all + "/nope", "", 404, 7404},
		{"a query by name", "POST " + all + "/registry/query", `{"sql":"SELECT 1"}`, 400, 7400},
		{"a query of a missing one", "POST " + all + "/00000000-0000-4000-8000-000000000000/query", `{"sql":"SELECT 1"}`, 404, 7404},
	} {
		if reply := p.Do(test.line, test.body); reply.Status != test.status || reply.Code != test.code {
			t.Errorf("%s: %d %d %s, want %d %d", test.name, reply.Status, reply.Code, reply.Message, test.status, test.code)
		}
	}
	p.Must("POST "+all, `{"name":"another"}`, nil)
	if reply := p.Must("GET "+all+"?per_page=1&page=2", "", nil); !strings.Contains(string(reply.Result), "registry") || reply.Info.Total != 2 {
		t.Errorf("second page: %s", reply.Result)
	}
	p.Must("DELETE "+all+"/"+p.id, "", nil)
	if reply := p.Do("GET "+all+"/registry", ""); reply.Code != 7404 {
		t.Errorf("after deleting: %d", reply.Code)
	}
}

func TestOneRequestIsOneTransaction(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.query("CREATE TABLE t (a INTEGER PRIMARY KEY, at TIMESTAMP, ok BOOLEAN)")
	reply := p.query("INSERT INTO t VALUES (1, '2026-01-02 03:04:05', 1); SELECT * FROM t;")
	var results []struct {
		Results json.RawMessage
		Success bool
		Meta    struct {
			Changes   int
			LastRowID int  `json:"last_row_id"`
			ChangedDB bool `json:"changed_db"`
		}
	}
	if err := json.Unmarshal(reply.Result, &results); err != nil || len(results) != 2 {
		t.Fatalf("%d %s %s: %v", reply.Status, reply.Message, reply.Result, err)
	}
	if got := string(results[1].Results); got != `[{"a":1,"at":"2026-01-02 03:04:05","ok":1}]` {
		t.Errorf("rows are %s", got)
	}
	if m := results[0].Meta; m.Changes != 1 || m.LastRowID != 1 || !m.ChangedDB || results[1].Meta.ChangedDB {
		t.Errorf("meta is %+v and %+v", m, results[1].Meta)
	}
	if reply := p.query("INSERT INTO t VALUES (2, '', 0); INSERT INTO t VALUES (1, '', 0);"); reply.Code != 7500 {
		t.Errorf("a second row 1 was accepted: %s", reply.Result)
	}
	if got := p.one("SELECT count(*) FROM t"); got != 1.0 {
		t.Errorf("%v rows after a batch that failed, want 1", got)
	}
}

func TestErrorsReadLikeD1s(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.query("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER REFERENCES t (a))")
	for sql, want := range map[string]string{
		"SELECT 1; SELEC 1":                `near "SELEC": syntax error at offset 0: SQLITE_ERROR`,
		"SELECT x FROM t":                  `no such column: x at offset 7: SQLITE_ERROR`,
		"SELECT 1 FROM nope":               `no such table: nope: SQLITE_ERROR`,
		"INSERT INTO t VALUES (1, 7)":      `FOREIGN KEY constraint failed: SQLITE_CONSTRAINT`,
		"INSERT INTO t VALUES (1,1),(1,1)": `UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT`,
		"PRAGMA journal_mode = WAL":        `not authorized: SQLITE_AUTH`,
		"ATTACH 'x' AS y":                  `not authorized: SQLITE_AUTH`,
		"VACUUM":                           `cannot VACUUM from within a transaction: SQLITE_ERROR`,
		"":                                 `No SQL statements detected.`,
		"SELECT ?":                         `Wrong number of parameter bindings for SQL query.`,
		"CREATE TRIGGER x AFTER INSERT ON t begin SELECT 1; end;": `incomplete input: SQLITE_ERROR`,
	} {
		if reply := p.query(sql); reply.Code != 7500 || reply.Message != want || reply.Status != 400 {
			t.Errorf("%s: %d %d %q, want %q", sql, reply.Status, reply.Code, reply.Message, want)
		}
	}
	for _, sql := range []string{"BEGIN TRANSACTION; SELECT 1; COMMIT", "/* x */ SAVEPOINT a", "rollback"} {
		if reply := p.query(sql); reply.Code != 7500 || !strings.Contains(reply.Message, "state.storage.transaction()") {
			t.Errorf("%s: %d %q", sql, reply.Code, reply.Message)
		}
	}
	if reply := p.query("PRAGMA table_info(t); PRAGMA defer_foreign_keys = true;"); reply.Code != 0 {
		t.Errorf("allowed pragmas: %s", reply.Message)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.query("CREATE TABLE t (a, b, c, d, e)")
	path := "POST " + all + "/" + p.id + "/query"
	p.Must(path, `{"sql":"INSERT INTO t VALUES (?, ?, ?, ?, ?)","params":[null,true,9007199254740993,1.5,[1,255]]}`, nil)
	if got := p.one("SELECT typeof(a)||typeof(b)||c||d||hex(e) FROM t"); got != "nullinteger90071992547409931.501FF" {
		t.Errorf("stored %v", got)
	}
	p.Must(path, `{"batch":[{"sql":"SELECT ?","params":["x"]},{"sql":"SELECT 2"}]}`, nil)
	for name, body := range map[string]string{
		"two statements": `{"sql":"SELECT ?; SELECT 1","params":["x"]}`, "an object": `{"sql":"SELECT ?","params":[{}]}`, "no byte": `{"sql":"SELECT ?","params":[[256]]}`,
	} {
		if reply := p.Do(path, body); reply.Status != 400 {
			t.Errorf("%s: %d", name, reply.Status)
		}
	}
}

func TestGoingBackInTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := newPlace(t, func() time.Time { return now })
	travel := all + "/" + p.id + "/time_travel/"
	mark := func(query string) string {
		var out struct{ Bookmark string }
		p.Must("GET "+travel+"bookmark"+query, "", &out)
		return out.Bookmark
	}
	p.query("CREATE TABLE t (a); INSERT INTO t VALUES (1);")
	first := mark("")
	if again := mark(""); again != first {
		t.Errorf("nothing changed, but the bookmark went from %s to %s", first, again)
	}
	now = now.Add(time.Minute)
	p.query("UPDATE t SET a = 2")
	second := mark("")
	now = now.Add(time.Minute)
	p.query("DROP TABLE t")
	at := now.Add(-30 * time.Second).Format(time.RFC3339)
	if got := mark("?timestamp=" + url.QueryEscape(at)); got != second {
		t.Errorf("bookmark at %s is %s, want %s", at, got, second)
	}
	var back struct {
		Bookmark string
		Previous string `json:"previous_bookmark"`
	}
	p.Must("POST "+travel+"restore?bookmark="+first, "", &back)
	if got := p.one("SELECT a FROM t"); got != 1.0 {
		t.Errorf("a is %v after going back, want 1", got)
	}
	if reply := p.query("INSERT INTO t VALUES (5)"); reply.Code != 0 {
		t.Errorf("writing after going back: %s", reply.Message)
	}
	p.Must("POST "+travel+"restore?bookmark="+back.Previous, "", nil)
	if reply := p.query("SELECT * FROM t"); reply.Code != 7500 {
		t.Errorf("the dropped table is there after undoing: %s", reply.Result)
	}
	for _, line := range []string{"POST " + travel + "restore", "POST " + travel + "restore?bookmark=nope", "GET " + travel + "bookmark?timestamp=x", "GET " + travel + "bookmark?timestamp=2020-01-01T00:00:00Z"} {
		if reply := p.Do(line, ""); reply.Code != 7400 {
			t.Errorf("%s: %d", line, reply.Code)
		}
	}
}

func TestTheBindingSeesTheSameDatabase(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.query("CREATE TABLE t (a)")
	for _, test := range []struct{ name, path, body, want string }{
		{"a batch", "/query?resultsFormat=ROWS_AND_COLUMNS", `[{"sql":"INSERT INTO t VALUES (?)","params":[7]},{"sql":"SELECT a FROM t"}]`, `"rows":[[7]]`},
		{"objects", "/query", `{"sql":"SELECT a FROM t"}`, `[{"a":7}]`},
		{"no rows", "/execute?resultsFormat=NONE", `[{"sql":"INSERT INTO t VALUES (8)"}]`, `"changes":1`},
		{"an error", "/query", `{"sql":"SELEC"}`, `"error":"near \"SELEC\": syntax error at offset 0: SQLITE_ERROR"`},
	} {
		w := httptest.NewRecorder()
		p.ds.ServeBinding(w, httptest.NewRequest("POST", test.path, strings.NewReader(test.body)), p.id)
		if !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: %s, want %s in it", test.name, w.Body, test.want)
		}
	}
	if got := p.one("SELECT sum(a) FROM t"); got != 15.0 {
		t.Errorf("the API sees %v, want 15", got)
	}
}
