package d1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Meta is what D1 tells about how a statement ran.
type Meta struct {
	ServedBy        string  `json:"served_by"`
	ServedByPrimary bool    `json:"served_by_primary"`
	Duration        float64 `json:"duration"` // milliseconds
	Changes         int64   `json:"changes"`
	LastRowID       int64   `json:"last_row_id"`
	ChangedDB       bool    `json:"changed_db"`
	SizeAfter       int64   `json:"size_after"`
	RowsRead        int64   `json:"rows_read"`
	RowsWritten     int64   `json:"rows_written"`
}

// Result is one statement's outcome.
type Result struct {
	Columns []string
	Rows    [][]any
	Meta    Meta
}

// Shape is how rows are written: as the runtime's resultsFormat names it.
type Shape string

// The three shapes of rows.
const (
	Objects Shape = "ARRAY_OF_OBJECTS"
	Table   Shape = "ROWS_AND_COLUMNS"
	None    Shape = "NONE"
)

type wireResult struct {
	Results any  `json:"results,omitempty"`
	Success bool `json:"success"`
	Meta    Meta `json:"meta"`
}

// wire returns results as they are sent.
func wire(results []Result, shape Shape) []wireResult {
	out := make([]wireResult, len(results))
	for i, r := range results {
		out[i] = wireResult{Success: true, Meta: r.Meta}
		switch shape {
		case Table:
			out[i].Results = table{Columns: nonNil(r.Columns), Rows: cells(r.Rows)}
		case Objects:
			objects := make([]object, len(r.Rows))
			for j, row := range cells(r.Rows) {
				objects[j] = object{r.Columns, row}
			}
			out[i].Results = objects
		}
	}
	return out
}

type table struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

func nonNil(columns []string) []string {
	if columns == nil {
		return []string{}
	}
	return columns
}

// cells turns values into what JSON can hold: blobs are arrays of numbers, what is no number is null.
func cells(rows [][]any) [][]any {
	out := make([][]any, len(rows))
	for i, row := range rows {
		out[i] = make([]any, len(row))
		for j, value := range row {
			switch v := value.(type) {
			case []byte:
				numbers := make([]int, len(v))
				for k, b := range v {
					numbers[k] = int(b)
				}
				out[i][j] = numbers
			case float64:
				if !math.IsInf(v, 0) && !math.IsNaN(v) {
					out[i][j] = v
				}
			default:
				out[i][j] = v
			}
		}
	}
	return out
}

// object is a row written as a JSON object with its columns in their order.
type object struct {
	columns []string
	row     []any
}

// MarshalJSON writes the row. Of two columns with one name the last is kept.
func (o object) MarshalJSON() ([]byte, error) {
	last := map[string]int{}
	for i, column := range o.columns {
		last[column] = i
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, column := range o.columns {
		if last[column] != i {
			continue
		}
		key, _ := json.Marshal(column) // a string is always JSON
		value, err := json.Marshal(o.row[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", column, err)
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// params reads parameters as JSON sends them: numbers that are whole become
// int64, true and false 1 and 0, and an array of numbers the bytes the runtime means by it.
func params(raw []any) ([]any, error) {
	out := make([]any, len(raw))
	for i, value := range raw {
		switch v := value.(type) {
		case json.Number:
			if n, err := v.Int64(); err == nil {
				out[i] = n
				continue
			}
			f, err := v.Float64()
			if err != nil {
				return nil, fmt.Errorf("parameter %d: %w", i+1, err)
			}
			out[i] = f
		case []any:
			blob, err := blob(v)
			if err != nil {
				return nil, fmt.Errorf("parameter %d: %w", i+1, err)
			}
			out[i] = blob
		case nil, bool, string:
			out[i] = v
		default:
			return nil, fmt.Errorf("parameter %d is an object; only null, booleans, numbers, strings and arrays of bytes can be bound", i+1)
		}
	}
	return out, nil
}

func blob(numbers []any) ([]byte, error) {
	b := make([]byte, len(numbers))
	for i, n := range numbers {
		number, ok := n.(json.Number)
		if !ok {
			return nil, fmt.Errorf("an array holds something else than bytes")
		}
		v, err := number.Int64()
		if err != nil || v < 0 || v > 255 {
			return nil, fmt.Errorf("%s is no byte", number)
		}
		b[i] = byte(v)
	}
	return b, nil
}
