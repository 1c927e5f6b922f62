package main

// itself is how the server is named in the records of what it takes back.
const itself = "the webhook server"

// outcome is how a work of the trade take-back ended, for whoever is told of it.
type outcome struct {
	Kind ending
	// To is the release that serves again, empty when it is not known by name.
	To string
	// Text is one sentence.
	Text string
	// Release and SHA are the release that it was about, as far as one was found.
	Release, SHA string
}

// ending is the kind of an outcome.
type ending string

// The endings. What ends with an error is none: it is tried again.
const (
	rolledBack ending = "rolled-back"
	isHeld     ending = "held"
	isLifted   ending = "hold-lifted"
	left       ending = "left"    // the policy leaves it to a person
	nothing    ending = "settled" // there was nothing to do
)

// settled ends work that needs no rollback, with the reason.
type settled string

// Error implements error.
func (s settled) Error() string { return string(s) }

// before ends work that this server had done already when it was cut off, so that
// nobody may have been told yet.
type before outcome

// Error implements error.
func (b before) Error() string { return b.Text }
