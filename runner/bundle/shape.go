package bundle

import (
	"slices"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// Shape is what an exported name stands for, as far as the code shows it.
type Shape string

// The shapes. workerd starts no Worker with a named export that is Primitive:
// it answers "Incorrect type for map entry".
const (
	Class     Shape = "class"
	Function  Shape = "function"
	Object    Shape = "object"    // an object, a list, or what new makes
	Primitive Shape = "primitive" // a number, text, boolean, null or undefined
	Unknown   Shape = "unknown"   // decided when the code runs
)

// shapes tells for each exported name of a module what stands behind it, and what
// the module reads of its environment.
func shapes(module []byte, exported []string) ([]Export, []Read) {
	slices.Sort(exported)
	all := make([]Export, len(exported))
	for i, name := range exported {
		all[i] = Export{Name: name, Is: Unknown}
	}
	ast, err := js.Parse(parse.NewInputBytes(slices.Clone(module)), js.Options{})
	if err != nil {
		return all, nil
	}
	declared := map[string]Shape{}
	local := map[string]string{} // exported name to local name
	for _, statement := range ast.List {
		note(statement, declared, local)
	}
	for i, e := range all {
		if shape, ok := declared[local[e.Name]]; ok {
			all[i].Is = shape
		}
	}
	return all, reads(ast)
}

// note reads one top-level statement.
func note(statement js.IStmt, declared map[string]Shape, local map[string]string) {
	switch s := statement.(type) {
	case *js.ClassDecl:
		declared[string(s.Name.Data)] = Class
	case *js.FuncDecl:
		declared[string(s.Name.Data)] = Function
	case *js.VarDecl:
		for _, e := range s.List {
			if v, ok := e.Binding.(*js.Var); ok {
				declared[string(v.Data)] = shapeOf(e.Default)
			}
		}
	case *js.ExportStmt:
		for _, a := range s.List {
			name := string(a.Binding)
			if len(a.Name) > 0 {
				local[name] = string(a.Name)
			} else {
				local[name] = name
			}
		}
	}
}

func shapeOf(value js.IExpr) Shape {
	switch v := value.(type) {
	case nil:
		return Primitive // declared without a value: undefined
	case *js.ClassDecl:
		return Class
	case *js.FuncDecl, *js.ArrowFunc:
		return Function
	case *js.ObjectExpr, *js.ArrayExpr, *js.NewExpr:
		return Object
	case *js.TemplateExpr:
		return Primitive
	case *js.LiteralExpr:
		if v.TokenType == js.RegExpToken {
			return Object
		}
		return Primitive
	case *js.UnaryExpr:
		return Primitive // -1, !0, void 0
	case *js.CommaExpr:
		return shapeOf(v.List[len(v.List)-1])
	case *js.CallExpr:
		return named(v)
	}
	return Unknown
}

// named looks through esbuild's __name(value, "name"), which keeps names and may
// itself be renamed by the minifier.
func named(call *js.CallExpr) Shape {
	args := call.Args.List
	if len(args) != 2 {
		return Unknown
	}
	if name, ok := args[1].Value.(*js.LiteralExpr); !ok || name.TokenType != js.StringToken {
		return Unknown
	}
	if shape := shapeOf(args[0].Value); shape == Class || shape == Function {
		return shape
	}
	return Unknown
}

// exported are the names that a module exports by export lists and declarations.
func exported(module []byte) []string {
	ast, err := js.Parse(parse.NewInputBytes(slices.Clone(module)), js.Options{})
	if err != nil {
		return nil
	}
	var names []string
	for _, statement := range ast.List {
		s, ok := statement.(*js.ExportStmt)
		if !ok {
			continue
		}
		if s.Default {
			names = append(names, "default")
		}
		for _, a := range s.List {
			names = append(names, string(a.Binding))
		}
	}
	return names
}
