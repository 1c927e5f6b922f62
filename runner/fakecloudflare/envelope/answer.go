package envelope

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Info is result_info. Cursor and TotalPages are left out when empty.
type Info struct {
	Page       int    `json:"page,omitempty"`
	PerPage    int    `json:"per_page,omitempty"`
	Count      int    `json:"count"`
	TotalCount int    `json:"total_count,omitempty"`
	TotalPages int    `json:"total_pages,omitempty"`
	Cursor     string `json:"cursor,omitempty"`
}

// Answer is what an endpoint returns when it did what was asked. Status 0
// means 200. Write, when set, writes the whole answer itself: downloads and
// sockets are not in an envelope.
type Answer struct {
	Status int
	Result any
	Info   *Info
	Write  func(http.ResponseWriter)
}

// OK is a 200 with this result.
func OK(result any) Answer { return Answer{Result: result} }

// List is a 200 with all items and their count.
func List[T any](items []T) Answer {
	if items == nil {
		items = []T{}
	}
	return Answer{Result: items, Info: &Info{Page: 1, PerPage: max(len(items), 1), Count: len(items), TotalCount: len(items), TotalPages: 1}}
}

// Paged is a 200 with the page of items that the call asks for by page and
// per_page; a page past the end is an empty array, as Cloudflare answers. A
// per_page above the documented limit is cut to it and result_info says so;
// what the real API does with one is not documented.
func Paged[T any](c *Call, items []T, perPage, limit int) (Answer, error) {
	page, err := c.Number("page", 1, 1<<30)
	if err != nil {
		return Answer{}, err
	}
	size, err := c.Number("per_page", perPage, 1<<30)
	if err != nil {
		return Answer{}, err
	}
	size = min(size, limit)
	start := min((page-1)*size, len(items))
	part := items[start:min(start+size, len(items))]
	if part == nil {
		part = []T{}
	}
	return Answer{Result: part, Info: &Info{
		Page: page, PerPage: size, Count: len(part), TotalCount: len(items), TotalPages: (len(items) + size - 1) / size,
	}}, nil
}

type body struct {
	Success  bool     `json:"success"`
	Errors   []Detail `json:"errors"`
	Messages []Detail `json:"messages"`
	Result   any      `json:"result"`
	Info     *Info    `json:"result_info,omitempty"`
}

// Send writes an endpoint's outcome: the answer, or the refusal when err is not nil.
// It returns the status written; an Answer with its own Write counts as 200 unless it says otherwise.
func Send(w http.ResponseWriter, answer Answer, err error) int {
	if err != nil {
		return sendError(w, asError(err))
	}
	status := answer.Status
	if status == 0 {
		status = http.StatusOK
	}
	if answer.Write != nil {
		answer.Write(w)
		return status
	}
	write(w, status, body{Success: true, Errors: []Detail{}, Messages: []Detail{}, Result: answer.Result, Info: answer.Info})
	return status
}

func sendError(w http.ResponseWriter, refusal *Error) int {
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(refusal.RetryAfter.Seconds())))
	}
	write(w, refusal.Status, body{Errors: refusal.Details, Messages: []Detail{}})
	return refusal.Status
}

func write(w http.ResponseWriter, status int, b body) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(b) // the caller hung up; nobody is left to tell
}
