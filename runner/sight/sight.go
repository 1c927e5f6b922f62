package sight

import (
	"errors"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
)

// Permissions without which some things are not read, by the names that Cloudflare
// gives them. [Sight.Refused] takes them.
const (
	DNS       = "DNS:Read"
	Databases = "D1:Read"
	Queues    = "Queues:Read"
	Zones     = "Zone:Read"
	Routes    = "Workers Routes:Read"
)

// Sight is what was read of the account. The zero value has seen nothing; it is not
// written any more when Read has returned.
type Sight struct {
	// Live are scripts, triggers and stores, nil until they were read.
	Live *live.Account

	versions map[string]cloudflare.Version // by script
	objects  []cloudflare.Objects
	records  map[string][]cloudflare.WholeRecord // by zone id
	backlogs map[string]cloudflare.Backlog       // by queue
	ledgers  map[string][]string                 // by database id
	refused  map[string]error                    // by what was not read
}

// What is not read under a permission of its own, or not under that alone.
const (
	objects  = "objects"
	backlogs = "backlogs"
)

func versionOf(script string) string { return "version " + script }

func ledgerOf(database string) string { return "ledger " + database }

// errUnread is why something is not known that nothing gave cause to read.
var errUnread = errors.New("it was not read")

// Refused is why the account did not tell what a permission is for, nil if it did.
func (s *Sight) Refused(permission string) error {
	if s.Live != nil && s.Live.Refused(permission) != nil {
		return s.Live.Refused(permission)
	}
	return s.refused[permission]
}

// Script is a script as it stands; zero before anything was read.
func (s *Sight) Script(name string) live.Script {
	if s.Live == nil {
		return live.Script{}
	}
	return s.Live.Scripts[name]
}

// Version is the version that serves the most requests of a script. The error is why
// it is not known.
func (s *Sight) Version(script string) (cloudflare.Version, error) {
	return told(s, s.versions, script, versionOf(script))
}

// Ledger are the names of the migrations that were applied to a database, by its id.
// The error is why they are not known.
func (s *Sight) Ledger(database string) ([]string, error) {
	return told(s, s.ledgers, database, ledgerOf(database))
}

// Backlog is what waits in a queue, by its name. The error is why it is not known.
func (s *Sight) Backlog(queue string) (cloudflare.Backlog, error) {
	return told(s, s.backlogs, queue, backlogs)
}

// Records are the DNS records of a zone, by its id. The error is why they are not known.
func (s *Sight) Records(zone string) ([]cloudflare.WholeRecord, error) {
	return told(s, s.records, zone, DNS)
}

// Objects are the classes of which the account keeps Durable Objects. They are listed
// if any patient has to do with them. The error is why they are not known.
func (s *Sight) Objects() ([]cloudflare.Objects, error) { return s.objects, s.refused[objects] }

// told is one of the things that were read, or why it was not.
func told[T any](s *Sight, all map[string]T, key, what string) (T, error) {
	v, ok := all[key]
	switch {
	case ok:
		return v, nil
	case s.refused[what] != nil:
		return v, s.refused[what]
	}
	return v, errUnread
}

// Database finds a configured database on the account: by its id, and by its name only
// if no id is configured.
func (s *Sight) Database(db project.Database) (cloudflare.Database, bool) {
	if s.Live == nil {
		return cloudflare.Database{}, false
	}
	for _, there := range s.Live.Databases {
		if there.ID == db.ID || db.ID == "" && there.Name == db.Name {
			return there, true
		}
	}
	return cloudflare.Database{}, false
}
