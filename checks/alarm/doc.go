// Package alarm reads GitHub's deliveries and says which of them mean that a release
// of ours has failed and may have to be taken back, or that the run which made it may
// have died.
//
// Nothing in a delivery is trusted beyond what the [Rules] allow: whose deployment it
// is, which repository, which environment, which scripts. Everything else is ignored,
// with a reason for whoever reads the record. The room asks nobody and does nothing;
// its neighbours are deployment, which knows the payload, and github, whose own answers
// are judged by the same rules.
package alarm
