package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// The sections of the first page, and that of a work's page.
var (
	home = []string{"summary", "underway", "environments", "holds", "dead", "works", "deliveries", "audit"}
	one  = []string{"work"}
)

func (c *Console) home(w http.ResponseWriter, r *http.Request) {
	s := c.scene(r, "Rollback server")
	var err error
	if s.View, err = c.look(r.Context()); err == nil {
		s.Status, s.Events = s.View.status(), "/events"
		s.Said = c.heard(w, r)
		err = s.cut(home...)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.show(w, http.StatusOK, "home", s)
}

func (c *Console) work(w http.ResponseWriter, r *http.Request) {
	s, err := c.workScene(r, r.PathValue("id"))
	switch {
	case errors.Is(err, errNone):
		c.lost(w, r)
		return
	case err == nil:
		s.Events, s.Said = "/events?work="+strconv.FormatInt(s.Work.ID, 10), c.heard(w, r)
		err = s.cut(one...)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.show(w, http.StatusOK, "one", s)
}

// errNone says that there is no such work.
var errNone = errors.New("there is no such work")

func (c *Console) workScene(r *http.Request, text string) (*scene, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return nil, errNone
	}
	found, ok, err := c.o.Sight.Work(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNone
	}
	s := c.scene(r, fmt.Sprintf("%s · work %d", found.Title, id))
	s.Work, s.Status = found, found.Title+": "+found.Mark().Word
	return s, nil
}

// paged is a page of a list that has older ones.
type paged[T any] struct {
	All  []T
	Next string // the address of the next page
}

func (c *Console) deliveries(w http.ResponseWriter, r *http.Request) {
	all, next, err := c.o.Sight.Deliveries(r.Context(), r.URL.Query().Get("before"))
	if err != nil {
		c.broken(w, r, err)
		return
	}
	s := c.scene(r, "Deliveries")
	s.More = paged[Delivery]{all, older("/deliveries", next)}
	c.show(w, http.StatusOK, "all-deliveries", s)
}

func (c *Console) audit(w http.ResponseWriter, r *http.Request) {
	all, next, err := c.o.Sight.Audit(r.Context(), r.URL.Query().Get("before"))
	if err != nil {
		c.broken(w, r, err)
		return
	}
	s := c.scene(r, "Audit log")
	s.More = paged[Noted]{all, older("/audit", next)}
	c.show(w, http.StatusOK, "all-audit", s)
}

func older(path, next string) string {
	if next == "" {
		return ""
	}
	return path + "?" + url.Values{"before": {next}}.Encode()
}

func (c *Console) lost(w http.ResponseWriter, r *http.Request) {
	c.say(w, r, http.StatusNotFound, "Not here", "There is no such page. What is older than it is kept has no page any more.")
}

func (c *Console) broken(w http.ResponseWriter, r *http.Request, err error) {
	c.o.Log.Error("page not shown", "path", r.URL.Path, "error", err)
	w.Header().Set("Retry-After", "10")
	c.say(w, r, http.StatusServiceUnavailable, "Not now", "The database does not answer. Reload the page in a moment; what GitHub delivers meanwhile is refused and can be delivered again.")
}

// status is a view in one sentence.
func (v View) status() string {
	running, waiting, held := v.Count()
	words := "Nothing is under way"
	if running+waiting > 0 {
		words = fmt.Sprintf("%d running, %d waiting", running, waiting)
	}
	if held > 0 {
		words += fmt.Sprintf("; %d held", held)
	}
	if n := len(v.Dead); n > 0 {
		words += fmt.Sprintf("; %d dead letters", n)
	}
	return words
}

// Count counts works that run, works that wait, and environments that are held.
func (v View) Count() (running, waiting, held int) {
	for _, w := range v.Works {
		switch w.State {
		case Running:
			running++
		case Waiting:
			waiting++
		}
	}
	for _, e := range v.Environments {
		if e.Hold != nil {
			held++
		}
	}
	return running, waiting, held
}
