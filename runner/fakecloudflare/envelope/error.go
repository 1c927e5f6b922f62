package envelope

import (
	"errors"
	"fmt"
	"time"
)

// Detail is one entry of an answer's errors.
type Detail struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	DocURL  string `json:"documentation_url,omitempty"`
	Meta    any    `json:"meta,omitempty"`
}

// Error is a refusal: an HTTP status and at least one Detail.
type Error struct {
	Status     int
	Details    []Detail
	RetryAfter time.Duration // sent as whole seconds when above zero
}

// Error returns the first message with its code, as wrangler prints it.
func (e *Error) Error() string {
	if len(e.Details) == 0 {
		return fmt.Sprintf("status %d", e.Status)
	}
	return fmt.Sprintf("%s [code: %d]", e.Details[0].Message, e.Details[0].Code)
}

// Fail makes an Error of one Detail.
func Fail(status, code int, format string, args ...any) *Error {
	return &Error{Status: status, Details: []Detail{{Code: code, Message: fmt.Sprintf(format, args...)}}}
}

// NoRoute is what Cloudflare says of a path it does not have and of an identifier it cannot read.
func NoRoute(path string) *Error {
	return &Error{Status: 404, Details: []Detail{
		{Code: 7003, Message: fmt.Sprintf("Could not route to %s, perhaps your object identifier is invalid?", path)},
		{Code: 7000, Message: "No route for that URI"},
	}}
}

// Invalid is a body or parameter the API cannot use. 1001 is the generic
// validation code of the v4 core.
func Invalid(format string, args ...any) *Error { return Fail(400, 1001, format, args...) }

// asError returns err as a refusal; an error no room meant for a caller is a 500 with code 10013,
// Cloudflare's own word for something unknown.
func asError(err error) *Error {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal
	}
	return Fail(500, 10013, "workers.api.error.unknown: %v", err)
}
