package wire

import (
	"fmt"
	"net/http"
)

// Object is a JSON object as it goes over the wire.
type Object = map[string]any

// Docs is the documentation_url of errors that have no page of their own.
const Docs = "https://docs.github.com/rest"

// Detail says what is wrong with one field. Code is one of GitHub's: missing,
// missing_field, invalid, already_exists, unprocessable, custom.
type Detail struct {
	Resource string `json:"resource,omitempty"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code,omitempty"`
	Message  string `json:"message,omitempty"`
}

// Error is a refusal. Raw, when set, is the whole body instead of Message and Details.
type Error struct {
	Status  int
	Message string
	Details []Detail
	Docs    string // documentation_url; Docs of this package when empty
	Header  http.Header
	Raw     []byte
}

// Error says the status and the message.
func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Message) }

func (e *Error) body() Object {
	docs := e.Docs
	if docs == "" {
		docs = Docs
	}
	body := Object{"message": e.Message, "documentation_url": docs, "status": fmt.Sprint(e.Status)}
	if len(e.Details) > 0 {
		body["errors"] = e.Details
	}
	return body
}

// Fail is a refusal with this status and message.
func Fail(status int, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

// NotFound is GitHub's answer for what is not there, or not for you.
func NotFound() *Error { return Fail(http.StatusNotFound, "Not Found") }

// Invalid is a 422 about one field.
func Invalid(resource, field, code, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{
		Status: http.StatusUnprocessableEntity, Message: "Validation Failed",
		Details: []Detail{{Resource: resource, Field: field, Code: code, Message: message}},
	}
}

// Malformed is a 422 for a body that does not have the shape the endpoint reads.
func Malformed(field, code, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{
		Status: http.StatusUnprocessableEntity, Message: "Invalid request.\n\n" + message,
		Details: []Detail{{Resource: "Request", Field: field, Code: code, Message: message}},
	}
}

// Missing is a 422 for a required field that is not there.
func Missing(field string) *Error {
	return Malformed(field, "missing_field", "%q wasn't supplied.", field)
}

// OneOf is a 422 for a value that is none of those allowed.
func OneOf(field, value string, allowed []string) *Error {
	return Malformed(field, "invalid", "For '%s', %s is not a possible value. Must be one of the following: %s.", field, value, list(allowed))
}

func list(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return text
}
