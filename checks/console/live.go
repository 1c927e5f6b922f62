package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The times of a stream of changes.
const (
	// beat is how often a line is sent that says nothing, so that nobody between takes
	// the stream for dead.
	beat = 15 * time.Second
	// glance is how often is looked for what nobody told: works of other servers.
	glance = 2 * time.Second
	// patience bounds one write to a reader who does not read.
	patience = 10 * time.Second
)

// change is what a reader is sent: the sections that are others now.
type change struct {
	Sections map[string]string `json:"sections"`
	Status   string            `json:"status"`
}

// stream is one reader.
type stream struct {
	c    *Console
	w    http.ResponseWriter
	r    *http.Request
	sent map[string]string
}

// events sends what changes on a page, for as long as it is read.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	if !c.mayRead(r) {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	if !c.crowd.enter() {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many readers are told of changes; reload the page to see them", http.StatusServiceUnavailable)
		return
	}
	defer c.crowd.leave()
	changed, end := c.o.Sight.Watch()
	defer end()
	s := &stream{c: c, w: w, r: r, sent: map[string]string{}}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy before it must not wait for more
	if err := s.write("retry: 2000\n\n"); err != nil {
		return
	}
	s.tell(changed)
}

// tell sends changes until the reader leaves or the server stops.
func (s *stream) tell(changed <-chan struct{}) {
	ticker, beats := time.NewTicker(glance), time.NewTicker(beat)
	defer ticker.Stop()
	defer beats.Stop()
	for {
		// A session may end, or a work be forgotten, while somebody reads.
		if !s.c.mayRead(s.r) || s.send() != nil || !s.rest() {
			return
		}
		for again := true; again; {
			select {
			case _, ok := <-changed:
				if !ok {
					return
				}
				again = false
			case <-ticker.C:
				again = false
			case <-beats.C:
				if s.write(": here\n\n") != nil {
					return
				}
			case <-s.c.crowd.gone:
				return
			case <-s.r.Context().Done():
				return
			}
		}
	}
}

// rest waits so long that changes that come together are sent together.
func (s *stream) rest() bool {
	select {
	case <-time.After(gap):
		return true
	case <-s.c.crowd.gone:
	case <-s.r.Context().Done():
	}
	return false
}

// send sends the sections that are others than when they were sent last.
func (s *stream) send() error {
	now, err := s.render()
	switch {
	case errors.Is(err, errNone):
		return err
	case err != nil:
		s.c.o.Log.Warn("changes not sent", "error", err)
		return nil // the next look may do better
	}
	news := change{Sections: map[string]string{}, Status: now.Status}
	for _, part := range now.Sections {
		if html := string(part.HTML); s.sent[part.ID] != html {
			s.sent[part.ID], news.Sections[part.ID] = html, html
		}
	}
	if len(news.Sections) == 0 {
		return nil
	}
	raw, err := json.Marshal(news)
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("event: changed\ndata: %s\n\n", raw))
}

func (s *stream) render() (*scene, error) {
	if id := s.r.URL.Query().Get("work"); id != "" {
		now, err := s.c.workScene(s.r, id)
		if err != nil {
			return nil, err
		}
		now.still = true
		return now, now.cut(one...)
	}
	now := s.c.scene(s.r, "")
	now.Path, now.still = "/", true
	var err error
	if now.View, err = s.c.look(s.r.Context()); err != nil {
		return nil, err
	}
	now.Status = now.View.status()
	return now, now.cut(home...)
}

func (s *stream) write(text string) error {
	connection := http.NewResponseController(s.w)
	// Not every server behind a handler has a connection with a deadline.
	_ = connection.SetWriteDeadline(time.Now().Add(patience))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	err := connection.Flush()
	_ = connection.SetWriteDeadline(time.Time{})
	return err
}
