package deployment

import (
	"bytes"
	"encoding/json"

	"github.com/tminus/deploy-action/runner/release"
)

// Mark is who a deployment of ours says it is by. Deployments without it, such as
// those that GitHub makes for a job's own environment, are never touched.
const Mark = "tminus/deploy-action"

// The tasks of deployments.
const (
	TaskDeploy   = "deploy"
	TaskRollback = "rollback"
)

// Payload is what a deployment carries: the manifest, who wrote it and in which run.
type Payload struct {
	By  string `json:"by"`
	Run Run    `json:"run"`
	// Folder is the project's directory in the repository, empty for its top.
	Folder string `json:"folder,omitempty"`
	// Signature proves who wrote it to whoever has the same key; see [Payload.Sign].
	Signature string `json:"signature,omitempty"`
	release.Manifest
}

// Run is the run of a workflow that made a deployment.
type Run struct {
	ID      int64  `json:"id,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
	Job     string `json:"job,omitempty"`
	URL     string `json:"url,omitempty"`
}

// ParsePayload reads a deployment's payload, an object or the text of one, as GitHub
// gives back whichever was sent; false if it is not ours.
func ParsePayload(raw json.RawMessage) (Payload, bool) {
	var p Payload
	if json.Unmarshal(object(raw), &p) != nil || p.By != Mark || p.Release == "" || p.Schema != release.Schema {
		return Payload{}, false
	}
	return p, true
}

// object is a payload as an object. Only what begins as a text is read as one: a
// payload is long, and each delivery has one.
func object(raw json.RawMessage) json.RawMessage {
	var text string
	if begin := bytes.TrimLeft(raw, " \t\r\n"); len(begin) > 0 && begin[0] != '"' && begin[0] != 'n' {
		return raw
	}
	if json.Unmarshal(raw, &text) == nil {
		return json.RawMessage(text)
	}
	return raw
}
