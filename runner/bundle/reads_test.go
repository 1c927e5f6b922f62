package bundle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

func readsOf(src string) string {
	ast, err := js.Parse(parse.NewInputString(src), js.Options{})
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, r := range reads(ast) {
		words = append(words, fmt.Sprintf("%s %v", r.Name, r.Needed))
	}
	return strings.Join(words, ", ")
}

func TestWhatTheCodeReadsOfItsEnvironment(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, src, want string }{
		{"a method of it is called", `f(env.DB.prepare("x"))`, "DB true"},
		{"it is only read", `f(env.DB)`, "DB false"},
		{"it is called", `env.LOG("x")`, "LOG true"},
		{"an item of it is read", `f(env.LIMITS["a"])`, "LIMITS true"},
		{"of this, and of a framework's context", `class A { m() { this.env.ONE.get(); c.env.TWO.get() } }`, "ONE true, TWO true"},
		{"a number of the bundler's", `env2.DB.get()`, "DB true"},
		{"asked by if", `if (env.DB) env.DB.get()`, "DB false"},
		{"asked somewhere else", `const has = !env.DB; function f(env) { return env.DB.get() }`, "DB false"},
		{"asked by a choice, by and, by two question marks", `env.A ? env.A.x : 1; env.B && env.B.x; (env.C ?? d).x; env.D !== undefined; env.D.x`, "A false, B false, C false, D false"},
		{"asked by a question mark", `env.DB?.get()`, "DB false"},
		{"not the environment of something else", `process.env.HOME.length; import.meta.env.MODE.length; envelope.X.y`, ""},
		{"in a text", `f("env.DB.get()")`, ""},
		{"inside of everything", "async function* f(env) { for await (const x of env.A.list()) { try { yield `${env.B.x}` } catch { throw env.C.x } } return { [env.D.x]: () => env.E.x } }", "A true, B true, C true, D true, E true"},
	}
	for _, tt := range tests {
		if got := readsOf(tt.src); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzReads(f *testing.F) {
	f.Add(`export default { fetch(r, env) { return env.DB?.get(env.A.b) } }`)
	f.Add("class A { static { env.X.y } #p = env.Y.z } label: for (;;) break label")
	f.Add("try {} catch {} switch (env.A) { case env.B.c: default: }")
	f.Fuzz(func(t *testing.T, src string) { readsOf(src) })
}
