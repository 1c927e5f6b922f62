package d1

import (
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

// noTransactions is what workerd says of BEGIN and its like.
const noTransactions = "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs " +
	"instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, " +
	"and because it interacts correctly with Durable Objects' automatic atomic write coalescing."

var transactional = map[string]bool{"BEGIN": true, "COMMIT": true, "END": true, "ROLLBACK": true, "SAVEPOINT": true, "RELEASE": true}

// pragmas are those D1 lets through, see https://developers.cloudflare.com/d1/sql-api/sql-statements/.
var pragmas = map[string]bool{
	"case_sensitive_like": true, "defer_foreign_keys": true, "foreign_key_check": true, "foreign_key_list": true, "foreign_keys": true,
	"ignore_check_constraints": true, "index_info": true, "index_list": true, "index_xinfo": true, "legacy_alter_table": true, "optimize": true,
	"quick_check": true, "recursive_triggers": true, "reverse_unordered_selects": true, "table_info": true, "table_list": true, "table_xinfo": true,
}

func (db *Database) authorize(action sqlite.Action) sqlite.AuthResult {
	if db.trusted {
		return sqlite.AuthResultOK
	}
	switch action.Type() {
	case sqlite.OpTransaction, sqlite.OpSavepoint, sqlite.OpAttach, sqlite.OpDetach:
		return sqlite.AuthResultDeny
	case sqlite.OpPragma:
		if !pragmas[strings.ToLower(action.Pragma())] {
			return sqlite.AuthResultDeny
		}
	}
	return sqlite.AuthResultOK
}

// describe turns SQLite's error into D1's text, such as
// `near "X": syntax error at offset 7: SQLITE_ERROR`.
func describe(err error) error {
	code := sqlite.ErrCode(err)
	text := err.Error()
	if at := strings.Index(text, code.Message()); at >= 0 {
		text = strings.TrimPrefix(text[at+len(code.Message()):], ": ")
	}
	if text == "" {
		text = code.Message()
	}
	if offset, ok := sqlite.ErrorOffset(err); ok {
		text += fmt.Sprintf(" at offset %d", offset)
	}
	return &SQLError{fmt.Sprintf("%s: %s", text, code.ToPrimary())}
}

func bind(stmt *sqlite.Stmt, params []any) error {
	if stmt.BindParamCount() != len(params) {
		return &SQLError{"Wrong number of parameter bindings for SQL query."}
	}
	for i, value := range params {
		switch v := value.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case bool:
			stmt.BindBool(i+1, v)
		case int64:
			stmt.BindInt64(i+1, v)
		case float64:
			stmt.BindFloat(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		case []byte:
			stmt.BindBytes(i+1, v)
		default:
			return &SQLError{fmt.Sprintf("D1_TYPE_ERROR: Type '%T' not supported for value '%v'", value, value)}
		}
	}
	return nil
}

// values returns the row a statement stands on: nil, int64, float64, string or []byte each.
func values(stmt *sqlite.Stmt) []any {
	row := make([]any, stmt.ColumnCount())
	for i := range row {
		switch stmt.ColumnType(i) {
		case sqlite.TypeInteger:
			row[i] = stmt.ColumnInt64(i)
		case sqlite.TypeFloat:
			row[i] = stmt.ColumnFloat(i)
		case sqlite.TypeText:
			row[i] = stmt.ColumnText(i)
		case sqlite.TypeBlob:
			bytes := make([]byte, stmt.ColumnLen(i))
			stmt.ColumnBytes(i, bytes)
			row[i] = bytes
		}
	}
	return row
}
