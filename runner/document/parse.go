package document

import (
	"path"

	"github.com/tminus/deploy-action/runner/finding"
)

// Parse reads a document. The ending of the file's name tells the format:
// .json and .jsonc are JSON with comments and trailing commas, .yaml and .yml
// are YAML, everything else is TOML. The error is a finding of rule "syntax".
func Parse(file string, src []byte) (*Node, error) {
	var root *Node
	var err error
	switch path.Ext(file) {
	case ".json", ".jsonc":
		root, err = parseJSON(file, src)
	case ".yaml", ".yml":
		root, err = parseYAML(file, src)
	default:
		root, err = parseTOML(file, src)
	}
	if err != nil {
		return nil, err
	}
	if !root.IsTable() {
		return nil, finding.Errorf("syntax", root.At, "the file holds no table").
			Hintf("begin it with a key and its value")
	}
	root.At = finding.Position{File: file, Line: 1, Column: 1}
	return root, nil
}
