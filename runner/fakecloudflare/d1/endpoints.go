package d1

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1/split"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Endpoints lists the API of databases.
func (ds *Databases) Endpoints() []envelope.Endpoint {
	const all, one = "/accounts/{account}/d1/database", "/accounts/{account}/d1/database/{database}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.D1Read, Do: ds.getAll},
		{Method: "POST", Path: all, Needs: envelope.D1Edit, Do: ds.post},
		{Method: "GET", Path: one, Needs: envelope.D1Read, Do: ds.get},
		{Method: "DELETE", Path: one, Needs: envelope.D1Edit, Do: ds.delete},
		{Method: "POST", Path: one + "/query", Needs: envelope.D1Edit, Do: ds.query(Objects)},
		{Method: "POST", Path: one + "/raw", Needs: envelope.D1Edit, Do: ds.query(Table)},
		{Method: "GET", Path: one + "/time_travel/bookmark", Needs: envelope.D1Read, Do: ds.bookmark},
		{Method: "POST", Path: one + "/time_travel/restore", Needs: envelope.D1Edit, Do: ds.restore},
	}
}

type databaseBody struct {
	UUID      string            `json:"uuid"`
	Name      string            `json:"name"`
	Version   string            `json:"version"`
	CreatedAt string            `json:"created_at"`
	NumTables int64             `json:"num_tables"`
	FileSize  int64             `json:"file_size"`
	Region    string            `json:"running_in_region"`
	Replicas  map[string]string `json:"read_replication"`
}

func body(db *Database) databaseBody {
	tables, size := db.Size()
	return databaseBody{UUID: db.ID, Name: db.Name, Version: "production", CreatedAt: db.CreatedAt, NumTables: tables, FileSize: size,
		Region: "WEUR", Replicas: map[string]string{"mode": "disabled"}}
}

func (ds *Databases) getAll(c *envelope.Call) (envelope.Answer, error) {
	bodies := []databaseBody{}
	for _, db := range ds.list(c.Query("name")) {
		bodies = append(bodies, body(db))
	}
	return envelope.Paged(c, bodies, 100, 10000)
}

func (ds *Databases) post(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Name         string `json:"name"`
		Hint         string `json:"primary_location_hint"`
		Jurisdiction string `json:"jurisdiction"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	db, err := ds.Create(in.Name, "")
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(body(db)), nil
}

func (ds *Databases) get(c *envelope.Call) (envelope.Answer, error) {
	db, err := ds.Find(c.Param("database"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(body(db)), nil
}

func (ds *Databases) delete(c *envelope.Call) (envelope.Answer, error) {
	db, err := ds.byID(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(nil), ds.Delete(db.ID)
}

// byID finds the database of a path that, unlike GET, takes no name.
func (ds *Databases) byID(c *envelope.Call) (*Database, error) {
	id := c.Param("database")
	if _, err := uuid.Parse(id); err != nil {
		return nil, envelope.Fail(http.StatusBadRequest, 7400, "The request is malformed: %q is no database uuid", id)
	}
	return ds.Find(id)
}

type queryBody struct {
	SQL    string      `json:"sql"`
	Params []any       `json:"params"`
	Batch  []queryBody `json:"batch"`
}

func (ds *Databases) query(shape Shape) envelope.Handler {
	return func(c *envelope.Call) (envelope.Answer, error) {
		db, err := ds.byID(c)
		if err != nil {
			return envelope.Answer{}, err
		}
		var in queryBody
		if err := c.Decode(&in); err != nil {
			return envelope.Answer{}, err
		}
		statements, err := in.statements()
		if err != nil {
			return envelope.Answer{}, envelope.Fail(http.StatusBadRequest, 7400, "%v", err)
		}
		results, err := db.kept(statements)
		if err != nil {
			return envelope.Answer{}, refused(err)
		}
		return envelope.OK(wire(results, shape)), nil
	}
}

// statements takes the request apart. Every statement of one text gets all
// its parameters, so a text of several with parameters fails, as on D1.
func (q queryBody) statements() ([]Statement, error) {
	if len(q.Batch) > 0 {
		var all []Statement
		for _, part := range q.Batch {
			statements, err := part.statements()
			if err != nil {
				return nil, err
			}
			all = append(all, statements...)
		}
		return all, nil
	}
	params, err := params(q.Params)
	if err != nil {
		return nil, err
	}
	var statements []Statement
	for _, sql := range split.Statements(q.SQL) {
		statements = append(statements, Statement{SQL: sql, Params: params})
	}
	return statements, nil
}

// kept runs a batch and remembers the state before and after it, so that time travel has somewhere to go.
func (db *Database) kept(statements []Statement) ([]Result, error) {
	if _, err := db.Bookmark(); err != nil {
		return nil, err
	}
	results, err := db.Batch(statements)
	if err != nil {
		return nil, err
	}
	_, err = db.Bookmark()
	return results, err
}

// refused gives an SQL error its code; others stay as they are.
func refused(err error) error {
	var sql *SQLError
	if errors.As(err, &sql) {
		return envelope.Fail(http.StatusBadRequest, 7500, "%s", sql.Text)
	}
	return err
}

func (ds *Databases) bookmark(c *envelope.Call) (envelope.Answer, error) {
	db, err := ds.byID(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	bookmark, err := db.at(c.Query("timestamp"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(map[string]string{"bookmark": bookmark}), nil
}

func (db *Database) at(timestamp string) (string, error) {
	if timestamp == "" {
		return db.Bookmark()
	}
	at, err := time.Parse(time.RFC3339Nano, timestamp)
	if err != nil {
		return "", envelope.Fail(http.StatusBadRequest, 7400, "timestamp %q is not an RFC 3339 time", timestamp)
	}
	return db.BookmarkAt(at)
}

func (ds *Databases) restore(c *envelope.Call) (envelope.Answer, error) {
	db, err := ds.byID(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	bookmark := c.Query("bookmark")
	if timestamp := c.Query("timestamp"); bookmark == "" && timestamp != "" {
		if bookmark, err = db.at(timestamp); err != nil {
			return envelope.Answer{}, err
		}
	}
	if bookmark == "" {
		return envelope.Answer{}, envelope.Fail(http.StatusBadRequest, 7400, "restore needs the query parameter bookmark or timestamp")
	}
	now, previous, err := db.Restore(bookmark)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(map[string]string{
		"bookmark": now, "previous_bookmark": previous, "message": "Database " + db.Name + " restored to bookmark " + bookmark,
	}), nil
}
