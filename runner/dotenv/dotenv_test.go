package dotenv

import (
	"fmt"
	"strings"
	"testing"
)

func TestAFileIsReadAsAShellWouldWithoutExpandingAnything(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		what, text string
		want       string // NAME=value@line, with $ for one that a shell would expand
	}{
		{"plain", "A=one\nB=two\n", "A=one@1 B=two@2"},
		{"export, blanks and an indent", "  export A = one \n", "A=one@1"},
		{"comments and empty lines", "# A=no\n\nA=one # said\nB=o#ne\nC=#x\n", "A=one@3 B=o#ne@4 C=@5"},
		{"single quotes keep everything", `A='a$B\n"x" # y'` + "\n", `A=a$B\n"x" # y@1`},
		{"double quotes know escapes", `A="a\n\"b\" \$C \\ \d" # x`, "A=a\n\"b\" $C \\ \\d@1"},
		{"a value of several lines", "A=\"one\ntwo\"\nB='x\ny\n'\nC=3\n", "A=one\ntwo@1 B=x\ny\n@3 C=3@6"},
		{"windows", "\ufeffA=one\r\nB=\"x\r\ny\"\r\n", "A=one@1 B=x\ny@2"},
		{"nothing is expanded", "A=$HOME\nB=\"${HOME}\"\nC=a$ b$\nD=\"$(id)\"\nE='$HOME'\nF=`id`\n", "A=$HOME@1$ B=${HOME}@2$ C=a$ b$@3 D=$(id)@4$ E=$HOME@5 F=`id`@6$"},
		{"empty", "A=\nB=''\n", "A=@1 B=@2"},
		{"base64", "A=abc+/de==\n", "A=abc+/de==@1"},
		{"no line end", "A=1", "A=1@1"},
	} {
		entries, found := Parse(".env", []byte(one.text))
		var got []string
		for _, e := range entries {
			s := fmt.Sprintf("%s=%s@%d", e.Name, e.Value, e.At.Line)
			if e.Expands {
				s += "$"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != one.want || len(found) > 0 {
			t.Errorf("%s: %q, want %q; %v", one.what, strings.Join(got, " "), one.want, found)
		}
	}
}

func TestAMalformedLineIsAFindingThatShowsNothingOfIt(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		text, want string
		entries    int
	}{
		{"A=1\nhunter2hunter2\nB=2\n", ".env:2", 2},
		{"hunter2 hunter2=hunter2\n", ".env:1", 0},
		{"A='hunter2'hunter2\nB=2\n", ".env:1", 1},
		{"B=2\nA=\"hunter2\nC=hunter2\n", ".env:2", 1},
		{"A=1\nB=2\nA=hunter2\n", ".env:3", 2},
		{"2A=hunter2\n", ".env:1", 0},
		{"A=hunter2\xff\n", ".env:1", 0},
		{"A=hunter2\x00\n", ".env:1", 0},
		{strings.Repeat("#", largest+1), ".env:1", 0},
	} {
		entries, found := Parse(".env", []byte(one.text))
		if len(found) != 1 || len(entries) != one.entries || found[0].At.String() != one.want || found[0].Hint == "" {
			t.Errorf("%.40q: %d entries, %v", one.text, len(entries), found)
		}
		if strings.Contains(fmt.Sprint(found), "hunter2") {
			t.Errorf("%q: a value is shown: %v", one.text, found)
		}
	}
}

// Whatever a file holds, reading it ends, every place lies inside the file, and a
// finding shows nothing but names of variables.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=1\nB='x\ny'\n", "export A=\"\\n\" # c\n", "A='", "A=1\nA=2\n", "\ufeff#\r\n=\n", `A="\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, found := Parse("f", []byte(text))
		lines := strings.Count(text, "\n") + 1
		names := map[string]bool{}
		for _, e := range entries {
			if e.At.Line < 1 || e.At.Line > lines || names[e.Name] || !strings.Contains(text, e.Name) {
				t.Fatalf("entry %+v of %d lines", e, lines)
			}
			names[e.Name] = true
		}
		for _, one := range found {
			if one.At.Line < 1 || one.At.Line > lines {
				t.Fatalf("finding %v of %d lines", one, lines)
			}
		}
		if len(found) > 0 {
			return
		}
		// What was read comes back when it is written in double quotes.
		var b strings.Builder
		for _, e := range entries {
			fmt.Fprintf(&b, "%s=\"%s\"\n", e.Name, strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`", "\r", `\r`).Replace(e.Value))
		}
		again, found := Parse("f", []byte(b.String()))
		if len(found) > 0 || len(again) != len(entries) {
			t.Fatalf("%q does not come back: %v", b.String(), found)
		}
		for i := range again {
			if again[i].Name != entries[i].Name || again[i].Value != entries[i].Value {
				t.Fatalf("%+v came back as %+v", entries[i], again[i])
			}
		}
	})
}
