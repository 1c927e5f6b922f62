package wrangler

import (
	"strings"
	"testing"
)

const fillTOML = `# the id is HERE
name = "w"
kv_namespaces = [{ binding = "A", id = "HERE" }, { binding = "B", id = "HERE" }] # two

[[env.staging.d1_databases]]
binding = "DB"
database_name = "registry" # no id

[[env.staging.kv_namespaces]]
binding = "A"
id = "HERE"
`

func TestAnEntryIsFilledByItsNameAndNotByItsPlace(t *testing.T) {
	t.Parallel()
	src := []byte(fillTOML)
	var places []string
	for _, step := range []struct {
		e                Entry
		field, was, text string
	}{
		{Entry{"", "kv_namespaces", "A"}, "id", "HERE", "aaaaaaaaaaaaaaaa"},
		{Entry{"staging", "d1_databases", "DB"}, "database_id", "", "dddd"},
		{Entry{"", "kv_namespaces", "B"}, "id", "HERE", "bb"},
		{Entry{"staging", "kv_namespaces", "A"}, "id", "HERE", "cc"},
	} {
		out, at, err := Fill("w.toml", src, step.e, step.field, step.was, step.text)
		if err != nil {
			t.Fatal(err)
		}
		src, places = out, append(places, at.String())
	}
	want := strings.NewReplacer(
		`"A", id = "HERE"`, `"A", id = "aaaaaaaaaaaaaaaa"`, `"B", id = "HERE"`, `"B", id = "bb"`,
		"# no id\n", "# no id\ndatabase_id = \"dddd\"\n", "\nid = \"HERE\"", "\nid = \"cc\"",
	).Replace(fillTOML)
	if string(src) != want || strings.Join(places, " ") != "w.toml:3:40 w.toml:8:15 w.toml:3:84 w.toml:12:6" {
		t.Errorf("%s\n%s", places, src)
	}
}

func TestAFileThatIsNotAsItWasIsNotFilled(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]Entry{
		"a binding that is gone": {"staging", "kv_namespaces", "GONE"},
		"another value":          {"staging", "kv_namespaces", "A"},
	} {
		if out, _, err := Fill("w.toml", []byte(fillTOML), e, "id", "THERE", "cc"); err == nil || !strings.Contains(err.Error(), "was changed by somebody") {
			t.Errorf("%s: %v, made %q", name, err, out)
		}
	}
}
