package cloudflare

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Error is Cloudflare's refusal of a call.
type Error struct {
	// Call is the method and the path below the API's base.
	Call   string
	Status int
	// Problems are the errors of the envelope, nested ones behind those they explain.
	Problems []Problem
	// Ray is the request's id at Cloudflare, for their support.
	Ray string
	// Body is the start of an answer that was no envelope.
	Body string
}

// Problem is one error of an envelope. Codes are not unique across products:
// look at the call too.
type Problem struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`
	Chain   []Problem `json:"error_chain"`
}

// Error shows codes and messages: "10021: no such binding".
func (e *Error) Error() string {
	var parts []string
	for _, p := range e.Problems {
		parts = append(parts, fmt.Sprintf("%d: %s", p.Code, p.Message))
	}
	if len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("%s answered %d %s", e.Call, e.Status, http.StatusText(e.Status)))
		if e.Body != "" {
			parts = append(parts, e.Body)
		}
	}
	return strings.Join(parts, "; ")
}

// Has tells whether err is a refusal by Cloudflare with one of the codes.
func Has(err error, codes ...int) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	for _, p := range e.Problems {
		for _, code := range codes {
			if p.Code == code {
				return true
			}
		}
	}
	return false
}

// IsMissing tells whether err says that a script does not exist.
func IsMissing(err error) bool { return Has(err, 10007, 10090) }

// IsDenied tells whether err says that the token is wrong or lacks a permission.
func IsDenied(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (Has(err, 10000, 10001, 9106, 9109, 7403) || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// parseError reads an answer that is no success, or gives nil if it is one.
// Cloudflare says so in the field success, whatever the status.
func parseError(r *http.Request, status int, header http.Header, body []byte) *Error {
	var e struct {
		Success *bool     `json:"success"`
		Errors  []Problem `json:"errors"`
	}
	err := json.Unmarshal(body, &e)
	if err == nil && e.Success != nil && *e.Success && status < 400 {
		return nil
	}
	if len(body) == 0 && status < 300 {
		return nil
	}
	if status == http.StatusOK && strings.HasPrefix(header.Get("Content-Type"), "multipart/form-data") {
		return nil // the code of a script, which comes without an envelope
	}
	failed := &Error{Call: r.Method + " " + below(r.URL), Status: status, Problems: flatten(e.Errors), Ray: header.Get("cf-ray")}
	if err != nil || e.Success == nil {
		failed.Body = firstLine(body)
	}
	return failed
}

// flatten puts the problems that explain a problem behind it.
func flatten(all []Problem) []Problem {
	var flat []Problem
	for _, p := range all {
		chain := p.Chain
		p.Chain = nil
		flat = append(append(flat, p), flatten(chain)...)
	}
	return flat
}

// below is a URL without the API's base, host and query.
func below(u *url.URL) string {
	_, rest, ok := strings.Cut(u.Path, "/client/v4")
	if !ok {
		return u.Path
	}
	return rest
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if len(line) > 100 {
		line = line[:100] + "…"
	}
	return line
}

// plain takes the wrapping of net/http off an error: our own error as it is, any
// other with the call that it stopped.
func plain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		if parsed, perr := url.Parse(u.URL); perr == nil {
			return fmt.Errorf("%s %s: %w", strings.ToUpper(u.Op), below(parsed), u.Err)
		}
		return u.Err
	}
	return err
}
