package hook

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What is read of a delivery must be what a reader of all of it would find.
func FuzzFieldsAreThoseOfTheObject(f *testing.F) {
	for _, s := range []string{`{}`, ` { } `, `{"a":1}`, `{"a" : [1, {"b":"]}\""}] , "b":{"c":{}},"c":-1.5e3,"d":null}`, `{"a":"x\\","a":"\u0041"}`, `{"\u0061ction":true,"b":""}`, "{\"a\":1\n,\t\"b\" :false\r}", `{"":{"":[]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(raw, &want) != nil || want == nil {
			return
		}
		got := map[string][]byte{}
		for name, value := range fields(bytes.TrimLeft(raw, blank)) {
			got[name] = value
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %q", raw, got)
		}
		for name, value := range want {
			if !bytes.Equal(got[name], value) {
				t.Errorf("%q: %q is %q, want %q", raw, name, got[name], value)
			}
		}
	})
}
