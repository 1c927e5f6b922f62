package origin

import (
	"regexp"
	"strconv"
	"strings"
)

// Frame is one line of a stack, as the runtime wrote it. Line and column count from
// 1; the column counts UTF-16 units, as V8 does.
type Frame struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
}

// String writes a frame as V8 does, without the word "at".
func (f Frame) String() string {
	place := f.File + ":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column)
	if f.Function == "" {
		return place
	}
	return f.Function + " (" + place + ")"
}

// frame matches a line of a stack. Source: https://v8.dev/docs/stack-trace-api.
var frame = regexp.MustCompile(`^\s*at (?:(.{1,300}?) \()?(\S.{0,1000}?):(\d{1,9}):(\d{1,9})\)?\s*$`)

// most is how many frames of a stack are read; V8 keeps ten.
const most = 50

// Frames reads the frames of a stack, the innermost first. Lines that are none, such
// as the message in front, are left out.
func Frames(stack string) []Frame {
	var all []Frame
	for line := range strings.Lines(stack) {
		if f, ok := read(strings.TrimRight(line, "\r\n")); ok && len(all) < most {
			all = append(all, f)
		}
	}
	return all
}

// Thrown takes a text apart that may be an error with its stack, as code that caught
// one logs it: what stands before the first frame, and the frames. It has no frames
// when the text is none.
func Thrown(text string) (message string, frames []Frame) {
	for line := range strings.Lines(text) {
		if f, ok := read(strings.TrimRight(line, "\r\n")); ok {
			if len(frames) < most {
				frames = append(frames, f)
			}
		} else if len(frames) == 0 {
			message += line
		}
	}
	return strings.TrimSpace(message), frames
}

func read(line string) (Frame, bool) {
	m := frame.FindStringSubmatch(line)
	if m == nil {
		return Frame{}, false
	}
	f := Frame{Function: strings.TrimPrefix(m[1], "async "), File: strings.TrimPrefix(m[2], "async ")}
	f.Line, _ = strconv.Atoi(m[3])
	f.Column, _ = strconv.Atoi(m[4])
	return f, f.Line > 0 && f.Column > 0
}
