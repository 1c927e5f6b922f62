package finding

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestSpanCountsLinesAndCharacters(t *testing.T) {
	t.Parallel()
	src := []byte("name = \"a\"\nmain = \"ä.ts\" # é\n")
	tests := []struct {
		name       string
		start, end int
		want       Position
	}{
		{"first character", 0, 1, Position{"f", 1, 1, 1, 2}},
		{"second line", 11, 15, Position{"f", 2, 1, 2, 5}},
		{"columns are characters, not bytes", 18, 25, Position{"f", 2, 8, 2, 14}},
		{"over a line end", 9, 12, Position{"f", 1, 10, 2, 2}},
		{"beyond the end is the end", 900, 901, Position{"f", 3, 1, 3, 1}},
		{"a negative start is the start", -4, 1, Position{"f", 1, 1, 1, 2}},
		{"an end before the start is the start", 11, 3, Position{"f", 2, 1, 2, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Span("f", src, tt.start, tt.end); got != tt.want {
				t.Errorf("Span(%d, %d) = %+v, want %+v", tt.start, tt.end, got, tt.want)
			}
		})
	}
}

func TestByteColumnsBecomeCharacters(t *testing.T) {
	t.Parallel()
	src := []byte("a\nä = b\n")
	tests := []struct {
		name         string
		line, column int
		want         Position
	}{
		{"after a letter of two bytes", 2, 6, Position{File: "f", Line: 2, Column: 5}},
		{"beyond the line", 2, 99, Position{File: "f", Line: 2, Column: 6}},
		{"beyond the file", 9, 1, Position{File: "f", Line: 3, Column: 1}},
		{"before the file", 0, 0, Position{File: "f", Line: 1, Column: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := ByteColumn("f", src, tt.line, tt.column); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestFromFindsEveryFindingInAnError(t *testing.T) {
	t.Parallel()
	here := Position{File: "wrangler.toml", Line: 7}
	placed := Errorf("route-duplicate", Position{File: "a", Line: 1}, "twice")
	loose := Warnf("old-date", Position{}, "old")
	plain := errors.New("connection refused")
	tests := []struct {
		name string
		err  error
		want []Finding
	}{
		{"nothing", nil, nil},
		{"a plain error stands at the given place", plain, []Finding{Errorf("deploy", here, "connection refused")}},
		{"a finding keeps its own place", placed, []Finding{placed}},
		{"a wrapped finding is found", fmt.Errorf("upload: %w", placed), []Finding{placed}},
		{
			"a join gives all, and those without a place get one",
			fmt.Errorf("read: %w", errors.Join(placed, loose)),
			[]Finding{placed, {Rule: "old-date", Severity: Warning, At: here, Message: "old"}},
		},
		{
			"a plain error in a join is not lost",
			errors.Join(placed, plain),
			[]Finding{placed, Errorf("deploy", here, "connection refused")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := From(tt.err, "deploy", here); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("From() = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestOnlyAnErrorClosesAGate(t *testing.T) {
	t.Parallel()
	if Closes([]Finding{{Severity: Notice}, {Severity: Warning}}) {
		t.Error("a warning closed the gate")
	}
	if !Closes([]Finding{{Severity: Notice}, {Severity: Error}}) {
		t.Error("an error left the gate open")
	}
}

func TestSortIsByPlaceThenWeight(t *testing.T) {
	t.Parallel()
	all := []Finding{
		Warnf("b", Position{File: "b"}, "2"),
		Warnf("a", Position{File: "a", Line: 3}, "1"),
		Errorf("z", Position{File: "a", Line: 3}, "0"),
		Errorf("z", Position{}, "nowhere"),
	}
	Sort(all)
	var got []string
	for _, f := range all {
		got = append(got, f.Message)
	}
	if want := []string{"nowhere", "0", "1", "2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestFindingReadsAsOneLine(t *testing.T) {
	t.Parallel()
	f := Errorf("x", Position{File: "w.toml", Line: 2, Column: 3}, "no such queue %q", "q").Hintf("create it")
	if got, want := f.Error(), `w.toml:2:3: no such queue "q" (create it)`; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestFindingSurvivesJSON(t *testing.T) {
	t.Parallel()
	f := Warnf("x", Position{File: "w.toml", Line: 2}, "hm").See(Position{File: "v.toml"}, Position{})
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back Finding
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f, back) {
		t.Errorf("%s came back as %+v, want %+v", raw, back, f)
	}
	if err := json.Unmarshal([]byte(`{"severity":"fatal"}`), &back); err == nil {
		t.Error("an unknown severity was accepted")
	}
}
