package hook

import (
	"encoding/json"
	"iter"
	"strings"
)

// blank is what may stand between the parts of JSON.
const blank = " \t\r\n"

// fields are an object's own fields, with each value as it is written. The object must
// be valid JSON and begin with its brace. Of a delivery two fields of a hundred matter:
// to decode them all would take longer than everything else.
func fields(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i := 1; ; {
			i = after(object, i, blank+",")
			if object[i] == '}' {
				return
			}
			end := valueEnd(object, i)
			var name string
			_ = json.Unmarshal(object[i:end], &name)
			i = after(object, end, blank+":")
			end = valueEnd(object, i)
			if !yield(name, object[i:end]) {
				return
			}
			i = end
		}
	}
}

// after is the first place that holds none of some bytes.
func after(raw []byte, i int, skipped string) int {
	for strings.IndexByte(skipped, raw[i]) >= 0 {
		i++
	}
	return i
}

// valueEnd is where the value ends that begins at a place.
func valueEnd(raw []byte, i int) int {
	for depth := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 || i+1 < len(raw) && strings.IndexByte(blank+",}]", raw[i+1]) < 0 {
				continue
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(raw)
}
