package asset

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// Endpoints lists the session's beginning and the upload, which carries the
// session's token instead of the account's.
func (s *Sessions) Endpoints() []envelope.Endpoint {
	return []envelope.Endpoint{
		{Method: "POST", Path: "/accounts/{account}/workers/scripts/{script}/assets-upload-session", Needs: envelope.ScriptsEdit, Do: s.postSession},
		{Method: "POST", Path: "/accounts/{account}/workers/assets/upload", Needs: envelope.Anyone, Do: s.postFiles},
	}
}

func (s *Sessions) postSession(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Manifest map[string]Entry `json:"manifest"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	token, buckets, err := s.begin(c.Param("script"), in.Manifest)
	return envelope.Answer{Status: http.StatusCreated, Result: map[string]any{"jwt": token, "buckets": buckets}}, err
}

func (s *Sessions) postFiles(c *envelope.Call) (envelope.Answer, error) {
	bearer, _ := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	token, err := s.read(bearer, "session")
	if err != nil {
		return envelope.Answer{}, envelope.Fail(http.StatusUnauthorized, 10000, "Authentication error: the assets' session token is not valid: %v", err)
	}
	if c.Query("base64") != "true" {
		return envelope.Answer{}, envelope.Invalid("assets are uploaded in base64, with the query parameter base64=true")
	}
	parts, err := upload.Parts(c.Header.Get("Content-Type"), c.Body)
	if err != nil {
		return envelope.Answer{}, err
	}
	files := map[string]Blob{}
	for _, part := range parts {
		body, err := base64.StdEncoding.DecodeString(string(part.Body))
		if err != nil {
			return envelope.Answer{}, envelope.Invalid("the file %s is not base64: %v", part.Name, err)
		}
		files[part.Name] = Blob{Type: part.Type, Body: body}
	}
	completion, err := s.take(token.Session, files)
	if err != nil {
		return envelope.Answer{}, err
	}
	if completion == "" {
		return envelope.Answer{Status: http.StatusAccepted, Result: map[string]any{}}, nil
	}
	return envelope.Answer{Status: http.StatusCreated, Result: map[string]string{"jwt": completion}}, nil
}
