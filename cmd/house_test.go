package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The style of the house, as far as a program can see it.
const (
	longestFile     = 300 // lines
	longestFunction = 50
	fewestDocLines  = 5 // of a room's doc.go
	mostDocLines    = 20
)

// source is one file that is not a test.
type source struct {
	path  string
	room  string
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, half := range []string{"../cmd", "../runner", "../checks"} {
		err := filepath.WalkDir(half, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			s := source{path: strings.TrimPrefix(path, "../"), lines: strings.Count(string(src), "\n"), fset: token.NewFileSet()}
			s.room = filepath.Dir(s.path)
			s.ast, err = parser.ParseFile(s.fset, path, src, parser.ParseComments)
			all = append(all, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines > longestFile {
			t.Errorf("%s has %d lines", s.path, s.lines)
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines", s.path, f.Name.Name, n)
			}
		}
	}
}

func TestWhatIsExportedIsDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s: %s is not documented", s.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ty, ok := spec.(*ast.TypeSpec); ok && ty.Name.IsExported() && d.Doc == nil && ty.Doc == nil {
						t.Errorf("%s: %s is not documented", s.path, ty.Name.Name)
					}
				}
			}
		}
	}
}

// exportedReceiver tells whether a function is one, or a method of a type that
// others see.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	var name string
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return ast.IsExported(name)
}

func TestEveryRoomSaysWhatItIs(t *testing.T) {
	t.Parallel()
	said := map[string]int{}
	for _, s := range sources(t) {
		said[s.room] = max(said[s.room], 0)
		if s.ast.Doc != nil {
			said[s.room] = strings.Count(s.ast.Doc.Text(), "\n")
		}
	}
	for room, lines := range said {
		small := strings.HasPrefix(room, "cmd") || strings.HasPrefix(room, "runner/fakecloudflare/")
		if lines == 0 || !small && (lines < fewestDocLines || lines > mostDocLines) {
			t.Errorf("%s says what it is in %d lines, want %d to %d", room, lines, fewestDocLines, mostDocLines)
		}
	}
}

func TestTheWorldComesInThroughCmd(t *testing.T) {
	t.Parallel()
	forbidden := map[string]bool{"os.Getenv": true, "os.LookupEnv": true, "os.Environ": true, "os.Exit": true, "log.Fatal": true}
	for _, s := range sources(t) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && forbidden[x.Name+"."+n.Sel.Name] && !strings.HasPrefix(s.path, "cmd/") && !strings.Contains(s.path, "fakecloudflare/") {
					t.Errorf("%s uses %s.%s", s.path, x.Name, n.Sel.Name)
				}
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s has an init function", s.path)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "panic" {
					t.Errorf("%s panics", s.path)
				}
			}
			return true
		})
	}
}
