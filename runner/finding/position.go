package finding

import (
	"bytes"
	"cmp"
	"strconv"
	"unicode/utf8"
)

// Position is a place in a file of the project.
//
// File is slash-separated and relative to the project's directory; an empty
// File means nowhere. Lines and columns count from 1; columns count characters,
// not bytes, as GitHub's annotations do. End is exclusive. A zero Line means the whole file, a
// zero Column the whole line, and a zero end means "as the start".
type Position struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"end_line,omitempty"`
	EndColumn int    `json:"end_column,omitempty"`
}

// IsZero tells whether p names no place at all.
func (p Position) IsZero() bool { return p.File == "" }

// String writes p as editors and compilers do: file:line:column, leaving out
// what is not known.
func (p Position) String() string {
	s := p.File
	if s == "" || p.Line == 0 {
		return s
	}
	s += ":" + strconv.Itoa(p.Line)
	if p.Column > 0 {
		s += ":" + strconv.Itoa(p.Column)
	}
	return s
}

// Compare orders places by file, then line, then column, so that findings are
// always shown in the same order.
func (p Position) Compare(q Position) int {
	return cmp.Or(
		cmp.Compare(p.File, q.File),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(p.Column, q.Column),
	)
}

// Span is the place in src that covers the bytes from start to end (end
// exclusive). Offsets outside src are pulled to its nearest edge, offsets inside
// of a character to its beginning.
func Span(file string, src []byte, start, end int) Position {
	start = whole(src, min(max(start, 0), len(src)))
	end = whole(src, min(max(end, start), len(src)))
	p := Position{File: file}
	p.Line, p.Column = lineColumn(src[:start], 1, 1)
	p.EndLine, p.EndColumn = lineColumn(src[start:end], p.Line, p.Column)
	return p
}

// whole moves an offset inside of a character to its beginning.
func whole(src []byte, at int) int {
	for back := 0; back < utf8.UTFMax-1 && at > 0 && at < len(src) && !utf8.RuneStart(src[at]); back++ {
		at--
	}
	return at
}

// ByteColumn is the place of a byte column, counted from 1, on a line of src.
// Parsers and compilers tell columns in bytes; this turns them into characters.
// A line or column outside src is pulled to its nearest edge.
func ByteColumn(file string, src []byte, line, column int) Position {
	start := 0
	for ; line > 1; line-- {
		next := bytes.IndexByte(src[start:], '\n')
		if next < 0 {
			break
		}
		start += next + 1
	}
	end := start + len(src[start:])
	if next := bytes.IndexByte(src[start:], '\n'); next >= 0 {
		end = start + next
	}
	at := min(start+max(column, 1)-1, end)
	p := Span(file, src, at, at)
	p.EndLine, p.EndColumn = 0, 0
	return p
}

// lineColumn walks over text from a place and tells where it ends.
func lineColumn(text []byte, line, column int) (int, int) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r == '\n' {
			line, column = line+1, 1
			continue
		}
		column++
	}
	return line, column
}
