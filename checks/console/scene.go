package console

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// scene is what a template shows, and the words that it needs for that.
type scene struct {
	console *Console
	Title   string
	Now     time.Time
	Person  *Person
	// Path is the page's own, Events where its changes come from; empty for none.
	Path, Events string
	Said         string
	Sections     []section
	Status       string // in one sentence, for whoever does not see the page
	// still: what is sent as it changes must not change by itself, so times are
	// written out; the script makes them relative again.
	still bool

	View View
	Work Work
	More any
}

// section is a part of a page that changes by itself.
type section struct {
	ID   string
	HTML template.HTML
}

// scene begins a page for a request.
func (c *Console) scene(r *http.Request, title string) *scene {
	s := &scene{console: c, Title: title, Now: c.o.Now(), Path: r.URL.Path}
	if p, ok := c.o.Gate.Who(r); ok {
		s.Person = &p
	}
	return s
}

// cut renders sections. Their order is the page's.
func (s *scene) cut(names ...string) error {
	for _, name := range names {
		var b bytes.Buffer
		if err := pages.ExecuteTemplate(&b, name, s); err != nil {
			return fmt.Errorf("show %s: %w", name, err)
		}
		s.Sections = append(s.Sections, section{name, template.HTML(b.String())})
	}
	return nil
}

// show writes a page whole, or an error in its place.
func (c *Console) show(w http.ResponseWriter, status int, name string, s *scene) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, s); err != nil {
		c.o.Log.Error("page not shown", "page", name, "error", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// say shows a page with a sentence.
func (c *Console) say(w http.ResponseWriter, r *http.Request, status int, title, words string) {
	s := c.scene(r, title)
	s.Said = words
	c.show(w, status, "sentence", s)
}

// Version is the server's.
func (s *scene) Version() string { return s.console.o.Version }

// Door tells whether anybody can sign in.
func (s *scene) Door() bool { return s.console.o.Gate.Door != nil }

// File is the address of a file of the page.
func (s *scene) File(name string) string { return files[name].address }

// When writes a time for people and for programs.
func (s *scene) When(t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	full, words := t.Format("2006-01-02 15:04:05")+" UTC", ""
	if s.still {
		words = full
	} else {
		words = ago(s.Now.Sub(t))
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.Format(time.RFC3339), full, words))
}

// Clock writes a time of day.
func (s *scene) Clock(t time.Time) template.HTML {
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time class="clock" datetime="%s" title="%s UTC">%s</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05"), t.Format("15:04:05")))
}

// ago says how long something is past, as console.js does.
func ago(d time.Duration) string {
	ahead := d < 0
	s := int(math.Abs(d.Seconds()))
	var words string
	switch {
	case s < 5:
		return "now"
	case s < 90:
		words = fmt.Sprintf("%d s", s)
	case s < 90*60:
		words = fmt.Sprintf("%d min", (s+30)/60)
	case s < 36*3600:
		words = fmt.Sprintf("%d h", (s+1800)/3600)
	default:
		words = fmt.Sprintf("%d days", (s+43200)/86400)
	}
	if ahead {
		return "in " + words
	}
	return words + " ago"
}

// Took says how long something lasted.
func (s *scene) Took(from, to time.Time) string {
	switch d := to.Sub(from); {
	case from.IsZero() || to.IsZero() || d < 0:
		return ""
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// Brief is enough of an id for a person.
func (s *scene) Brief(id string) string { return id[:min(len(id), 8)] }

// Percent writes a share.
func (s *scene) Percent(p float64) string { return fmt.Sprintf("%g %%", math.Round(p*100)/100) }

// Link is a link if the address is one that links may lead to, else the text alone.
func (s *scene) Link(address, text string) template.HTML {
	text = template.HTMLEscapeString(text)
	u, err := url.Parse(address)
	web := s.console.o.GitHub
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (web == "" || !strings.HasPrefix(address, strings.TrimRight(web, "/")+"/")) {
		return template.HTML(text)
	}
	return template.HTML(fmt.Sprintf(`<a href="%s" rel="noreferrer">%s</a>`, template.HTMLEscapeString(u.String()), text))
}

// Deed is the address of a deed's page.
func (s *scene) Deed(what string, names ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(names); i += 2 {
		q.Set(fmt.Sprint(names[i]), fmt.Sprint(names[i+1]))
	}
	return "/deeds/" + what + "?" + q.Encode()
}

// Next is where a person comes back to after the sign-in.
func (s *scene) Next() string {
	if strings.HasPrefix(s.Path, "/sign-") || strings.HasPrefix(s.Path, "/deeds/") {
		return "/"
	}
	return s.Path
}

// Parts are some of the sections.
func (s *scene) Parts(names ...string) []section {
	var some []section
	for _, name := range names {
		for _, one := range s.Sections {
			if one.ID == name {
				some = append(some, one)
			}
		}
	}
	return some
}
