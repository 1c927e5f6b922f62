package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed page
var embedded embed.FS

var pages = template.Must(template.ParseFS(embedded, "page/*.html"))

// file is something that the pages need besides themselves. Its address holds a
// digest, so that a browser may keep it for ever.
type file struct {
	kind    string
	content []byte
	address string
}

var files = map[string]file{
	"console.css": load("console.css", "text/css; charset=utf-8"),
	"console.js":  load("console.js", "text/javascript; charset=utf-8"),
	"icon.svg":    load("icon.svg", "image/svg+xml"),
}

func load(name, kind string) file {
	content, err := fs.ReadFile(embedded, "page/"+name)
	if err != nil {
		return file{} // the tests ask for each
	}
	sum := sha256.Sum256(content)
	return file{kind, content, "/" + name + "?" + hex.EncodeToString(sum[:6])}
}

func (f file) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(f.content)
}
