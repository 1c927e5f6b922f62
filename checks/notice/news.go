package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Kind is what news are about.
type Kind string

// The kinds of news.
const (
	RolledBack     Kind = "rolled-back"     // a release was taken back
	RollbackFailed Kind = "rollback-failed" // a rollback failed, and is tried again or given up
	Held           Kind = "held"            // an environment is held
	HoldLifted     Kind = "hold-lifted"
	Left           Kind = "left" // a person has to decide
	DeadLetter     Kind = "dead-letter"
	Test           Kind = "test" // somebody tries whether news arrive
)

// Schema is the version of the JSON that is sent. Fields may be added to it; another
// meaning of a field is another version.
const Schema = 1

// News are one thing that happened. The names in JSON are what receivers rely on.
type News struct {
	// ID tells these news from all others and is the same whenever they are sent again.
	ID          string `json:"id"`
	Kind        Kind   `json:"kind"`
	Repository  string `json:"repository,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Release is the one that it is about, To the one that serves again.
	Release string `json:"release,omitempty"`
	To      string `json:"to,omitempty"`
	Commit  string `json:"commit,omitempty"`
	// Outcome is one word for programs, such as retrying or gave-up.
	Outcome string `json:"outcome,omitempty"`
	// Title is one line, Text the rest in plain words.
	Title string `json:"title"`
	Text  string `json:"text,omitempty"`
	// URL is where a person looks next.
	URL string `json:"url,omitempty"`
	// Work and Delivery are where the server's own records say more.
	Work     int64     `json:"work,omitempty"`
	Delivery string    `json:"delivery,omitempty"`
	At       time.Time `json:"at"`
}

// ID makes the id of news from what tells them apart. It has no full stop, which
// separates the parts of what is signed.
func ID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "news_" + hex.EncodeToString(sum[:16])
}
