// Package patrol asks GitHub what nobody has told: it goes its rounds, so that an
// outage of the server, of the network or of GitHub's deliveries ends as if all had
// been told.
//
// A [Patrol] finds releases that failed and that no work is about, releases that were
// left in progress by runs that are over, and deliveries that never arrived, which it
// has sent again. What it finds becomes the same work, under the same key, as what is
// told; so whatever else tells of it, it is done once. It also looks after a run that
// is known to have died.
//
// It takes nothing back itself. What failed before anybody kept watch stays as it is.
// The neighbours are alarm, which judges, deployment, github, and the rooms of hook.
package patrol
