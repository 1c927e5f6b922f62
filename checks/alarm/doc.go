// Package alarm reads GitHub's deliveries and says which of them mean that a release
// of ours has failed and may have to be taken back.
//
// Nothing in a delivery is trusted beyond what the [Rules] allow: whose deployment it
// is, which repository, which environment, which scripts. Everything else is ignored,
// with a reason for whoever reads the record. The room asks nobody and does nothing;
// its neighbour is deployment, which knows the payload.
package alarm
