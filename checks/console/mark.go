package console

// Tone is how a state feels: it gives the mark its shape and colour.
type Tone string

// The tones.
const (
	Good  Tone = "good"
	Bad   Tone = "bad"
	Busy  Tone = "busy"
	Still Tone = "still" // it waits
	Held  Tone = "held"
	Told  Tone = "told"  // it led to work
	Plain Tone = "plain" // it is over, and nothing to look at
)

// Mark is a state as a word, a shape and a colour.
type Mark struct {
	Tone Tone
	Word string
}

// Shape is what is seen where colours are not.
func (m Mark) Shape() string {
	switch m.Tone {
	case Good:
		return "✓"
	case Bad:
		return "✗"
	case Busy:
		return "" // it turns; the style draws it
	case Still:
		return "○"
	case Held:
		return "■"
	case Told:
		return "→"
	}
	return "–"
}

// Mark is the work's state.
func (w Work) Mark() Mark {
	switch w.State {
	case Waiting:
		if w.Tries > 0 {
			return Mark{Still, "tried again soon"}
		}
		return Mark{Still, "waiting"}
	case Running:
		return Mark{Busy, "running"}
	case Done:
		return Mark{Good, "done"}
	case Dead:
		return Mark{Bad, "dead letter"}
	}
	return Mark{Plain, string(w.State)}
}

// Over tells whether nothing more comes of the work by itself.
func (w Work) Over() bool { return w.State != Waiting && w.State != Running }

// Outcome is the last that was said of it.
func (w Work) Outcome() string {
	if len(w.Steps) == 0 {
		return ""
	}
	return w.Steps[len(w.Steps)-1].Text
}

// Mark is what the delivery meant.
func (d Delivery) Mark() Mark {
	switch d.Decision {
	case "queued", "again":
		return Mark{Told, d.Decision}
	case "ignored":
		return Mark{Plain, d.Decision}
	}
	return Mark{Still, d.Decision}
}

// Mark is how the environment stands at a glance.
func (e Environment) Mark() Mark {
	switch {
	case e.Hold != nil:
		return Mark{Held, "held"}
	case len(e.Releases) > 0:
		return e.Releases[0].Verdict
	}
	return Mark{Plain, "no release"}
}
