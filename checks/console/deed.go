package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// longest bounds a reason, in characters.
const longest = 500

// trouble is why a deed is not done, for the person who asked for it.
type trouble struct {
	status       int
	title, words string
}

func because(status int, title, format string, args ...any) *trouble {
	return &trouble{status, title, fmt.Sprintf(format, args...)}
}

// manner is how a deed is spoken of.
type manner struct {
	title, button string
	// follows says what will happen; title is that of the work, if it is about one.
	follows func(d Deed, title string) string
	// reason: one is wanted; grave: it takes something away.
	reason, grave bool
}

var manners = map[What]manner{
	ToRollBack: {"Roll back", "Roll back now", func(d Deed, _ string) string {
		return fmt.Sprintf("The Workers of %s in %s go back to the release before %s, with their routes, crons and consumers, once all of it is proven possible. Then health and smoke are asked, and %s is held against that release. Data is not restored.", d.Environment, d.Repository, d.Release, d.Environment)
	}, true, true},
	ToHold: {"Hold", "Hold it", func(d Deed, _ string) string {
		return fmt.Sprintf("No release goes to %s of %s until somebody lifts the hold. What serves now goes on serving.", d.Environment, d.Repository)
	}, true, true},
	ToLift: {"Lift the hold of", "Lift it", func(d Deed, _ string) string {
		return fmt.Sprintf("Releases may go to %s of %s again, also the one that was taken back.", d.Environment, d.Repository)
	}, true, false},
	ToRedrive: {"Redrive", "Try it again", func(d Deed, title string) string {
		return fmt.Sprintf("Work %d is done again, as often as a new one: %s.", d.Work, title)
	}, false, false},
	ToDismiss: {"Dismiss", "Dismiss it", func(d Deed, title string) string {
		return fmt.Sprintf("Work %d is put aside and not done: %s. It stays in the record.", d.Work, title)
	}, false, true},
}

// plea is a deed on its page.
type plea struct {
	Deed
	Title, Button, Follows string
	WantsReason, Grave     bool
}

// confirm shows what would follow from a deed, and asks.
func (c *Console) confirm(w http.ResponseWriter, r *http.Request) {
	person, ok := c.o.Gate.Who(r)
	if !ok {
		c.toSignIn(w, r)
		return
	}
	d, title, no := c.about(r.Context(), What(r.PathValue("what")), r.URL.Query())
	if no != nil {
		c.say(w, r, no.status, no.title, no.words)
		return
	}
	d.By = person.Name
	how := manners[d.What]
	asks := how.title + " " + d.Environment
	if d.Work != 0 {
		asks = fmt.Sprintf("%s work %d", how.title, d.Work)
	}
	s := c.scene(r, asks)
	s.More = plea{Deed: d, Title: asks, Button: how.button, Follows: how.follows(d, title), WantsReason: how.reason, Grave: how.grave}
	c.show(w, http.StatusOK, "deed", s)
}

// deed does what a person asks for, if everything is in order.
func (c *Console) deed(w http.ResponseWriter, r *http.Request) {
	person, ok := c.o.Gate.Who(r)
	if !ok {
		c.toSignIn(w, r)
		return
	}
	if err := parse(w, r); err != nil {
		c.say(w, r, http.StatusBadRequest, "Not understood", "The form did not arrive whole. Nothing was done.")
		return
	}
	if proof := r.PostForm.Get("proof"); person.Proof == "" || subtle.ConstantTimeCompare([]byte(proof), []byte(person.Proof)) != 1 {
		c.say(w, r, http.StatusForbidden, "Not from here", "The form was not made for this session. Nothing was done; go back, reload, and try again.")
		return
	}
	d, _, no := c.about(r.Context(), What(r.PathValue("what")), r.PostForm)
	if no == nil {
		d.By = person.Name
		no = c.judge(r.Context(), person, &d, r.PostForm.Get("reason"))
	}
	if no != nil {
		c.say(w, r, no.status, no.title, no.words)
		return
	}
	said, no := c.perform(r.Context(), d)
	if no != nil {
		c.say(w, r, no.status, no.title, no.words)
		return
	}
	c.tell(w, r, said)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// parse reads a form that is not too large from a client that is not too slow.
func parse(w http.ResponseWriter, r *http.Request) error {
	connection := http.NewResponseController(w)
	// Not every server behind a handler has a connection with a deadline.
	_ = connection.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	return r.ParseForm()
}

// about finds what a deed is about: what a form says is only a name for what is
// known here, so that nobody orders in one repository what belongs to another.
func (c *Console) about(ctx context.Context, what What, form url.Values) (Deed, string, *trouble) {
	d := Deed{What: what}
	if _, ok := manners[what]; !ok {
		return d, "", because(http.StatusNotFound, "Not here", "There is no such thing to do.")
	}
	if what == ToRedrive || what == ToDismiss {
		id, err := strconv.ParseInt(form.Get("work"), 10, 64)
		if err != nil {
			return d, "", because(http.StatusNotFound, "Not here", "There is no such work.")
		}
		found, ok, err := c.o.Sight.Work(ctx, id)
		switch {
		case err != nil:
			return d, "", c.unknown(err)
		case !ok:
			return d, "", because(http.StatusNotFound, "Not here", "There is no such work.")
		case found.State != Dead:
			return d, "", because(http.StatusConflict, "Too late", "Work %d is no dead letter: it is %s.", id, found.Mark().Word)
		}
		d.Work, d.Repository, d.Environment = id, found.Repository, found.Environment
		return d, found.Title, nil
	}
	v, err := c.look(ctx)
	if err != nil {
		return d, "", c.unknown(err)
	}
	i := slices.IndexFunc(v.Environments, func(e Environment) bool {
		return e.Repository == form.Get("repository") && e.Name == form.Get("environment")
	})
	if i < 0 {
		return d, "", because(http.StatusNotFound, "Not here", "This server does not look after that environment.")
	}
	e := v.Environments[i]
	d.Repository, d.Environment, d.Release = e.Repository, e.Name, form.Get("release")
	if what == ToRollBack && (e.Live == "" || d.Release != e.Live) {
		return d, "", because(http.StatusConflict, "Too late", "Release %s is not what could be taken back from %s now. Nothing was done.", d.Release, e.Name)
	}
	if what != ToRollBack {
		d.Release = ""
	}
	return d, "", nil
}

func (c *Console) unknown(err error) *trouble {
	c.o.Log.Error("deed not looked up", "error", err)
	return because(http.StatusServiceUnavailable, "Not now", "The database does not answer. Nothing was done.")
}

// judge asks whether a person may do a deed, and takes the reason.
func (c *Console) judge(ctx context.Context, p Person, d *Deed, reason string) *trouble {
	d.Reason = strings.Join(strings.Fields(strings.ToValidUTF8(reason, "\uFFFD")), " ")
	switch {
	case manners[d.What].reason && d.Reason == "":
		return because(http.StatusBadRequest, "Why?", "A reason is wanted, for whoever reads the record later. Nothing was done; go back and say it.")
	case utf8.RuneCountInString(d.Reason) > longest:
		return because(http.StatusBadRequest, "Too long", "The reason is longer than %d characters. Nothing was done.", longest)
	}
	may, err := c.o.Gate.May(ctx, p, d.Repository)
	if err != nil {
		c.o.Log.Warn("nobody knows who may", "who", p.Name, "repository", d.Repository, "error", err)
		return because(http.StatusServiceUnavailable, "Not now", "GitHub was asked whether you may change things in %s, and did not answer. Nothing was done.", d.Repository)
	}
	if !may {
		if err := c.o.Hands.Note(ctx, p.Name, string(d.What)+" refused", d.describe()); err != nil {
			c.o.Log.Error("audit log not written", "error", err)
		}
		return because(http.StatusForbidden, "You may not", "%s may not write to %s, as GitHub says. Nothing was done.", p.Name, d.Repository)
	}
	return nil
}

// perform does a deed between two lines of the audit log. What cannot be noted is
// not done.
func (c *Console) perform(ctx context.Context, d Deed) (string, *trouble) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), looking)
	defer cancel()
	if err := c.o.Hands.Note(ctx, d.By, string(d.What)+" asked", d.describe()); err != nil {
		c.o.Log.Error("audit log not written", "error", err)
		return "", because(http.StatusServiceUnavailable, "Not now", "The audit log cannot be written. Nothing was done.")
	}
	said, err := c.o.Hands.Do(ctx, d)
	c.forget()
	what, about := string(d.What)+" done", said
	if err != nil {
		what, about = string(d.What)+" failed", err.Error()
	}
	if lost := c.o.Hands.Note(ctx, d.By, what, d.subject()+": "+about); lost != nil {
		c.o.Log.Error("audit log not written", "what", what, "about", about, "error", lost)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "", because(http.StatusServiceUnavailable, "Not known", "The database did not answer in time. Look at the page whether it was done.")
	}
	if err != nil {
		c.o.Log.Warn("deed not done", "who", d.By, "what", d.What, "error", err)
		return "", because(http.StatusConflict, "Not done", "%s. What was asked for is in the audit log.", err)
	}
	c.o.Log.Info("deed", "who", d.By, "what", d.What, "about", d.subject())
	return said, nil
}

// subject is what a deed is about.
func (d Deed) subject() string {
	text := d.Repository
	if d.Environment != "" {
		text += " " + d.Environment
	}
	if d.Release != "" {
		text += " release " + d.Release
	}
	if d.Work != 0 {
		text += fmt.Sprintf(" work %d", d.Work)
	}
	return text
}

// describe is a deed for the audit log.
func (d Deed) describe() string {
	if d.Reason == "" {
		return d.subject()
	}
	return fmt.Sprintf("%s, because %q", d.subject(), d.Reason)
}
