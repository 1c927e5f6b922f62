package d1

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// sessionToken is the header by which the runtime's client carries a bookmark from answer to request.
const sessionToken = "X-Cf-D1-Session-Commit-Token"

// ServeBinding answers what a Worker's binding to a database asks: workerd's
// own D1 client (cloudflare-internal:d1-api) posts {sql, params}, or an array
// of them as one batch, to /query and /execute. A text of several statements
// is answered with the results of its last, which is what the client reads.
func (ds *Databases) ServeBinding(w http.ResponseWriter, r *http.Request, database string) {
	db, err := ds.Find(database)
	if err != nil {
		answer(w, map[string]any{"success": false, "error": err.Error()})
		return
	}
	results, err := db.asked(r)
	if err != nil {
		text := err.Error()
		var sql *SQLError
		if errors.As(err, &sql) {
			text = sql.Text
		}
		answer(w, map[string]any{"success": false, "error": text})
		return
	}
	w.Header().Set(sessionToken, db.ID)
	answer(w, results)
}

func (db *Database) asked(r *http.Request) ([]wireResult, error) {
	var queries []queryBody
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		return nil, err
	}
	if envelope.DecodeStrict(raw, &queries) != nil {
		queries = make([]queryBody, 1)
		if err := envelope.DecodeStrict(raw, &queries[0]); err != nil {
			return nil, err
		}
	}
	var statements []Statement
	var last []int // of each query's statements
	for _, query := range queries {
		part, err := query.statements()
		if err != nil {
			return nil, err
		}
		statements = append(statements, part...)
		if len(part) > 0 {
			last = append(last, len(statements)-1)
		}
	}
	results, err := db.Batch(statements)
	if err != nil {
		return nil, err
	}
	picked := make([]Result, len(last))
	for i, j := range last {
		picked[i] = results[j]
	}
	shape := Shape(r.URL.Query().Get("resultsFormat"))
	if shape == "" {
		shape = Objects
	}
	return wire(picked, shape), nil
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the runtime hung up; nobody is left to tell
}
