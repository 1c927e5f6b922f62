package rotation

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// New makes a value: 32 random bytes in base64, as `openssl rand -base64 32` does. The
// source of randomness does not fail; without it the program ends.
func New() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// Previous is the name under which the old value of a secret stays beside the new one.
func Previous(name string) string { return name + "_PREVIOUS" }

// consoles are where credentials come from that nobody else can make, by how their
// names begin. Source: the runbook, section 1.
var consoles = []struct{ prefix, title, address string }{
	{"GOOGLE_", "Google", "https://console.cloud.google.com/apis/credentials"},
	{"MS_", "Microsoft", "https://entra.microsoft.com/ (App registrations)"},
}

// Asked is what a person asks to be rotated.
type Asked struct {
	Names []string
	// Given: the values come from the environment or a file, and are not made.
	Given bool
	// Migration: there is a way to read what the old MASTER_KEY has encrypted.
	Migration bool
	// Overlap leaves the old values beside the new ones.
	Overlap bool
}

// Rules are what a person has to know before secrets are replaced. An error keeps them
// from being replaced.
func Rules(a Asked) []finding.Finding {
	var found []finding.Finding
	none := finding.Position{}
	for _, name := range a.Names {
		for _, c := range consoles {
			if !strings.HasPrefix(name, c.prefix) {
				continue
			}
			if !a.Given {
				found = append(found, finding.Errorf("provider-secret", none, "%s is made by %s and cannot be made up here", name, c.title).
					Hintf("make a new one at %s, put it into the variable %s and run with --given", c.address, name))
				continue
			}
			found = append(found, finding.Notef("provider-secret", none, "%s is %s's: the old one stays valid until it is removed at %s", name, c.title, c.address))
		}
		switch {
		case name == "JWT_SECRET" && !a.Overlap:
			found = append(found, finding.Warnf("sessions-end", none, "every session ends: tokens that were signed with the old JWT_SECRET are refused, and users log in again"))
		case name == "MASTER_KEY" && !a.Migration:
			found = append(found, finding.Errorf("key-migration", none, "what was encrypted with the old MASTER_KEY, such as the OAuth tokens of users, cannot be read with a new one").
				Hintf("have the Workers decrypt with the old key and encrypt again with the new one, with the old one beside it as MASTER_KEY_PREVIOUS (--overlap); when that is ready say --i-have-a-key-migration"))
		case name == "MASTER_KEY" && !a.Overlap:
			found = append(found, finding.Warnf("key-migration", none, "from the switch on nothing on the Workers has the old MASTER_KEY").
				Hintf("--overlap leaves it beside the new one as MASTER_KEY_PREVIOUS"))
		}
	}
	return found
}
