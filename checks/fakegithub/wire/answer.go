package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Answer is what an endpoint returns when it did what was asked. Status 0 means
// 200; a nil Body sends none. Raw, when set, is the body as it is, of type Kind.
type Answer struct {
	Status int
	Body   any
	Header http.Header
	Raw    []byte
	Kind   string
}

// OK is a 200 with this body.
func OK(body any) Answer { return Answer{Body: body} }

// Created is a 201 with this body and the place of what was made.
func Created(body Object) Answer {
	a := Answer{Status: http.StatusCreated, Body: body}
	if url, ok := body["url"].(string); ok {
		a.Header = http.Header{"Location": {url}}
	}
	return a
}

// None is a 204.
func None() Answer { return Answer{Status: http.StatusNoContent} }

// Paged answers with the page of items the call asks for, 30 unless it says
// otherwise and 100 at most, and links to the pages around it.
func Paged[T any](c *Call, items []T, body func(part []T, total int) any) (Answer, error) {
	page, size := c.number("page", 1), min(c.number("per_page", 30), 100)
	start := min((page-1)*size, len(items))
	part := items[start:min(start+size, len(items))]
	if part == nil {
		part = []T{}
	}
	last := max(1, (len(items)+size-1)/size)
	var links []string
	link := func(to int, rel string) {
		q := c.URL.Query()
		q.Set("page", strconv.Itoa(to))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, c.API, c.URL.EscapedPath(), q.Encode(), rel))
	}
	if page > 1 {
		link(page-1, "prev")
	}
	if page < last {
		link(page+1, "next")
		link(last, "last")
	}
	if page > 1 {
		link(1, "first")
	}
	a := OK(body(part, len(items)))
	if len(links) > 0 {
		a.Header = http.Header{"Link": {strings.Join(links, ", ")}}
	}
	return a, nil
}

// number reads a page number; like GitHub it takes the default for what is none.
func (c *Call) number(name string, otherwise int) int {
	n, err := strconv.Atoi(c.Query(name))
	if err != nil || n < 1 {
		return otherwise
	}
	return n
}

// List is Paged for answers that are the bare array of the items' bodies.
func List[T any](c *Call, items []T, body func(T) Object) (Answer, error) {
	return Paged(c, items, func(part []T, _ int) any { return Bodies(part, body) })
}

// Named is Paged for answers that are an object with total_count and a named array.
func Named[T any](c *Call, name string, items []T, body func(T) Object) (Answer, error) {
	return Paged(c, items, func(part []T, total int) any { return Object{"total_count": total, name: Bodies(part, body)} })
}

// Bodies shows each item.
func Bodies[T any](items []T, body func(T) Object) []Object {
	all := make([]Object, len(items))
	for i, item := range items {
		all[i] = body(item)
	}
	return all
}

// Send writes an endpoint's outcome: the answer, or the refusal when err is not nil.
func Send(w http.ResponseWriter, answer Answer, err error) {
	if err != nil {
		var refusal *Error
		if !errors.As(err, &refusal) {
			refusal = Fail(http.StatusInternalServerError, "%v", err)
		}
		answer = Answer{Status: refusal.Status, Header: refusal.Header, Body: refusal.body(), Raw: refusal.Raw}
	}
	for key, values := range answer.Header {
		w.Header()[key] = values
	}
	status := answer.Status
	if status == 0 {
		status = http.StatusOK
	}
	data := answer.Raw
	kind := answer.Kind
	if data == nil && answer.Body != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(answer.Body); err != nil {
			status, b = http.StatusInternalServerError, *bytes.NewBufferString(`{"message":"the answer does not encode"}`)
		}
		data = b.Bytes()
	}
	if kind == "" && data != nil {
		kind = "application/json; charset=utf-8"
	}
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(status)
	_, _ = w.Write(data) // the caller hung up; nobody is left to tell
}
