package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Refusal is an answer of GitHub that says no.
type Refusal struct {
	Op     string // what was tried, in words
	Status int    // HTTP
	// Message is GitHub's sentence.
	Message string
	// Permission is what the token lacks, such as "checks: write"; empty if that is
	// not the reason or not known.
	Permission string
	// Limit: a rate limit refused the call.
	Limit bool
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("%s: %d %s", r.Op, r.Status, r.Message) }

// Denied tells whether the token may not do what was tried, which no repetition changes.
func (r *Refusal) Denied() bool {
	return !r.Limit && (r.Status == http.StatusForbidden || r.Status == http.StatusUnauthorized || r.Status == http.StatusNotFound)
}

// Denied tells whether an error is a refusal because of the token.
func Denied(err error) (*Refusal, bool) {
	r, ok := errors.AsType[*Refusal](err)
	return r, ok && r.Denied()
}

// refused turns errors of go-github into refusals. An error without an answer
// loses the URL, which nobody can act on, and keeps its cause.
func refused(op string, err error) error {
	var (
		response  *gh.ErrorResponse
		primary   *gh.RateLimitError
		secondary *gh.AbuseRateLimitError
		accepted  *gh.AcceptedError
		dialing   *url.Error
	)
	switch {
	case err == nil, errors.As(err, &accepted):
		return err
	case errors.As(err, &primary):
		return &Refusal{Op: op, Status: primary.Response.StatusCode, Limit: true, Message: fmt.Sprintf("the rate limit is used up until %s", primary.Rate.Reset.UTC().Format("15:04:05Z"))}
	case errors.As(err, &secondary):
		wait := ""
		if secondary.RetryAfter != nil {
			wait = fmt.Sprintf(" for %s", secondary.RetryAfter.Round(time.Second))
		}
		return &Refusal{Op: op, Status: secondary.Response.StatusCode, Limit: true, Message: "a secondary rate limit refuses calls" + wait}
	case errors.As(err, &response):
		_, isLimit := limited(response.Response)
		return &Refusal{Op: op, Status: response.Response.StatusCode, Message: sentence(response), Permission: permission(response.Response), Limit: isLimit}
	case errors.As(err, &dialing):
		return fmt.Errorf("%s: %w", op, dialing.Err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// sentence is GitHub's message with the details of a validation.
func sentence(e *gh.ErrorResponse) string {
	words := []string{e.Message}
	for _, d := range e.Errors {
		switch {
		case d.Message != "":
			words = append(words, d.Message)
		case d.Field != "":
			words = append(words, d.Field+" is "+strings.ReplaceAll(d.Code, "_", " "))
		}
	}
	return strings.Join(words, ": ")
}

// permission is what the token would have to have, as GitHub says itself in the
// header X-Accepted-GitHub-Permissions ("checks=write"), when it refused the token.
func permission(res *http.Response) string {
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusNotFound {
		return ""
	}
	first, _, _ := strings.Cut(res.Header.Get("X-Accepted-GitHub-Permissions"), ";")
	return strings.ReplaceAll(strings.TrimSpace(first), "=", ": ")
}
