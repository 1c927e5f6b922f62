package bundle

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// Read is a name that the code reads of its environment: env.NAME.
type Read struct {
	Name string
	// Needed: something of it is used, and nowhere is it asked whether it is there, so
	// that the code throws when it is not.
	Needed bool
}

// reads are the names that a module reads of env, sorted. What it does by other
// names for env, or with names that it computes, is not seen.
func reads(ast *js.AST) (all []Read) {
	defer func() {
		if recover() != nil { // the parser knows syntax that its walker does not
			all = nil
		}
	}()
	r := &reader{used: map[string]bool{}, asked: map[string]bool{}}
	js.Walk(r, ast)
	for name, needed := range r.used {
		all = append(all, Read{Name: name, Needed: needed && !r.asked[name]})
	}
	slices.SortFunc(all, func(a, b Read) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// reader walks over a module.
type reader struct {
	used  map[string]bool // by name, whether something of it is used
	asked map[string]bool // it is asked whether it is there
}

// Enter implements js.IVisitor.
func (r *reader) Enter(n js.INode) js.IVisitor {
	switch n := n.(type) {
	case *js.IfStmt:
		r.ask(n.Cond)
	case *js.CondExpr:
		r.ask(n.Cond)
	case *js.UnaryExpr:
		r.ask(n.X)
	case *js.BinaryExpr:
		if questions[n.Op] {
			r.ask(n.X)
			r.ask(n.Y)
		}
	case *js.DotExpr:
		if name, ok := ofEnv(n); ok && !r.used[name] {
			r.used[name] = false
		}
		r.use(n.X, n.Optional)
	case *js.IndexExpr:
		r.use(n.X, n.Optional)
	case *js.CallExpr:
		r.use(n.X, n.Optional)
	}
	return r
}

// Exit implements js.IVisitor.
func (*reader) Exit(js.INode) {}

var questions = map[js.TokenType]bool{
	js.AndToken: true, js.OrToken: true, js.NullishToken: true, js.InToken: true,
	js.EqEqToken: true, js.NotEqToken: true, js.EqEqEqToken: true, js.NotEqEqToken: true,
}

// use notes that something of a name is used, or asked for with ?.
func (r *reader) use(x js.IExpr, optional bool) {
	name, ok := ofEnv(x)
	switch {
	case !ok:
	case optional:
		r.asked[name] = true
	default:
		r.used[name] = true
	}
}

// ask notes the name that a question is about.
func (r *reader) ask(x js.IExpr) {
	if group, ok := x.(*js.GroupExpr); ok {
		x = group.X
	}
	if name, ok := ofEnv(x); ok {
		r.asked[name] = true
	}
}

// theEnv matches what handlers call their environment; a bundler may number it.
var theEnv = regexp.MustCompile(`^env\d*$`)

// ofEnv gives the name that an expression reads of env: env.NAME, this.env.NAME or
// c.env.NAME; not process.env.NAME, and not import.meta.env.NAME.
func ofEnv(x js.IExpr) (string, bool) {
	dot, ok := x.(*js.DotExpr)
	if !ok {
		return "", false
	}
	name := word(dot.Y)
	switch of := dot.X.(type) {
	case *js.Var:
		return name, theEnv.Match(of.Data)
	case *js.DotExpr:
		if word(of.Y) != "env" {
			return "", false
		}
		owner := word(of.X)
		return name, owner != "" && owner != "process" && owner != "Deno" && owner != "Bun"
	}
	return "", false
}

func word(x js.IExpr) string {
	switch x := x.(type) {
	case *js.LiteralExpr:
		return string(x.Data)
	case js.LiteralExpr:
		return string(x.Data)
	case *js.Var:
		return string(x.Data)
	}
	return ""
}
