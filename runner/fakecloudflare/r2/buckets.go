// Package r2 is the account's object storage as far as the API of a
// deployment needs it: buckets by name. What Workers put into a bucket is kept
// by the runtime (package workerd) and cannot be seen here.
package r2

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Bucket is one bucket.
type Bucket struct {
	Name     string `json:"name"`
	Created  string `json:"creation_date"`
	Location string `json:"location"`
	Class    string `json:"storage_class"`
}

// Buckets are all buckets of the account. It is safe for concurrent use.
type Buckets struct {
	mint *mint.Mint
	mu   sync.Mutex
	all  []Bucket
}

// New returns an account without buckets.
func New(m *mint.Mint) *Buckets { return &Buckets{mint: m} }

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// Create makes a bucket.
func (bs *Buckets) Create(name string) (Bucket, error) {
	if !nameForm.MatchString(name) {
		return Bucket{}, envelope.Fail(http.StatusBadRequest, 10005, "The specified bucket name is not valid.")
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.index(name) >= 0 {
		return Bucket{}, envelope.Fail(http.StatusConflict, 10004, "The bucket you tried to create already exists, and you own it.")
	}
	made := Bucket{Name: name, Created: bs.mint.Stamp(), Location: "WEUR", Class: "Standard"}
	bs.all = append(bs.all, made)
	return made, nil
}

func (bs *Buckets) index(name string) int {
	return slices.IndexFunc(bs.all, func(b Bucket) bool { return b.Name == name })
}

func (bs *Buckets) find(name string) (Bucket, error) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if i := bs.index(name); i >= 0 {
		return bs.all[i], nil
	}
	return Bucket{}, envelope.Fail(http.StatusNotFound, 10006, "The specified bucket does not exist.")
}

// Check says whether a binding may name this bucket: 10136 when it can be no
// bucket's name, 10085 when there is none.
func (bs *Buckets) Check(name string) error {
	if !nameForm.MatchString(name) {
		return envelope.Fail(http.StatusBadRequest, 10136, "R2 binding error for bucket '%s': The specified bucket name is not valid.", name)
	}
	if _, err := bs.find(name); err != nil {
		return envelope.Fail(http.StatusBadRequest, 10085, "R2 bucket '%s' not found. Please use a different name and try again.", name)
	}
	return nil
}

// Endpoints lists the API of buckets.
func (bs *Buckets) Endpoints() []envelope.Endpoint {
	const all, one = "/accounts/{account}/r2/buckets", "/accounts/{account}/r2/buckets/{bucket}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.R2Read, Do: bs.getAll},
		{Method: "POST", Path: all, Needs: envelope.R2Edit, Do: bs.post},
		{Method: "GET", Path: one, Needs: envelope.R2Read, Do: bs.get},
		{Method: "DELETE", Path: one, Needs: envelope.R2Edit, Do: bs.delete},
	}
}

func (bs *Buckets) getAll(c *envelope.Call) (envelope.Answer, error) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	found := []Bucket{}
	for _, b := range bs.all {
		if strings.Contains(b.Name, c.Query("name_contains")) {
			found = append(found, b)
		}
	}
	slices.SortFunc(found, func(a, b Bucket) int { return strings.Compare(a.Name, b.Name) })
	return envelope.OK(map[string]any{"buckets": found}), nil
}

func (bs *Buckets) post(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Name  string `json:"name"`
		Class string `json:"storageClass"`
		Hint  string `json:"locationHint"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	made, err := bs.Create(in.Name)
	return envelope.OK(made), err
}

func (bs *Buckets) get(c *envelope.Call) (envelope.Answer, error) {
	found, err := bs.find(c.Param("bucket"))
	return envelope.OK(found), err
}

func (bs *Buckets) delete(c *envelope.Call) (envelope.Answer, error) {
	if _, err := bs.find(c.Param("bucket")); err != nil {
		return envelope.Answer{}, err
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.all = slices.DeleteFunc(bs.all, func(b Bucket) bool { return b.Name == c.Param("bucket") })
	return envelope.OK(map[string]any{}), nil
}
