package console

import "time"

// View is everything that the first page shows.
type View struct {
	Environments []Environment
	// Works are those that run or wait, and the newest that ended.
	Works []Work
	// Dead are works that failed as often as they may.
	Dead       []Work
	Deliveries []Delivery
	Audit      []Noted
	// Problems are sentences about what could not be found out.
	Problems []string
}

// Environment is a place that releases go to.
type Environment struct {
	Repository, Name string
	// Live is the release that a rollback would take back; empty if there is none.
	Live     string
	Workers  []Worker
	Releases []Release
	// Hold is set while the environment is held.
	Hold *Hold
	// Known is when GitHub and Cloudflare were asked; zero if they did not answer yet.
	Known time.Time
	// Notes are sentences about how much of it is known, or why it is old.
	Notes []string
}

// Worker is a version that serves requests of a script.
type Worker struct {
	Worker, Script   string
	Version, Release string
	// Since is when it came to serve; zero if that is not known.
	Since time.Time
	// Share is its part of the requests in percent. What is 100 is not shown.
	Share float64
}

// Release is something that was released, or taken back.
type Release struct {
	Name, Commit string
	// URL leads to the commit.
	URL     string
	Verdict Mark
	// Words say what it was: how much changed, or why it was taken back.
	Words   string
	Created time.Time
	// Back is the release that this one takes back; empty for one that goes forward.
	Back string
}

// Hold keeps an environment from being given what was taken back from it.
type Hold struct {
	From     string // the release
	By, Why  string
	Since    time.Time
	Anything bool // it is held against every release
}

// State is where a work stands.
type State string

// The states that the page has words for. Another one is shown as it is.
const (
	Waiting State = "queued"
	Running State = "running"
	Done    State = "done"
	Dead    State = "dead"
)

// Work is something that the server does.
type Work struct {
	ID int64
	// Title says what it is about, Reason why it is done.
	Title, Reason           string
	Repository, Environment string
	Delivery                string // the GUID of the first that told of it
	State                   State
	Runs, Tries, Cuts       int
	Error                   string // of the last try
	// Due, Begun and Ended are zero where they do not apply.
	Created, Due, Begun, Ended time.Time
	Steps                      []Step
}

// Step is something that a run of a work said.
type Step struct {
	Run  int
	At   time.Time
	Text string
}

// Delivery is what GitHub told, and what that meant.
type Delivery struct {
	GUID, Event, Action     string
	Repository, Environment string
	Received                time.Time
	Times                   int // how often it came
	Decision, Reason        string
	Work                    int64 // zero without one
}

// Noted is a line of the audit log.
type Noted struct {
	At               time.Time
	Who, What, About string
}

// What is a kind of deed.
type What string

// What a person may have done.
const (
	ToRollBack What = "roll-back"
	ToHold     What = "hold"
	ToLift     What = "lift"
	ToRedrive  What = "redrive"
	ToDismiss  What = "dismiss"
)

// Deed is what a person asks for. It may be written down and read again.
type Deed struct {
	What        What   `json:"what"`
	Repository  string `json:"repository"`
	Environment string `json:"environment,omitempty"`
	// Release is the one to take back.
	Release string `json:"release,omitempty"`
	// Work is the dead letter.
	Work   int64  `json:"work,omitempty"`
	Reason string `json:"reason,omitempty"`
	// By is the person's name.
	By string `json:"by"`
}

// Person is who is signed in.
type Person struct {
	Name string
	// ID is the number of a user elsewhere, zero if there is none.
	ID int64
	// Proof is a text that only this session's forms hold.
	Proof string
}
