// Package dotenv reads files of variables such as .env: names, values and the
// lines on which they stand.
//
// A file is parsed and never executed. Nothing is expanded: $NAME, ${NAME} and
// $(command) stay as they are written, and an [Entry] says that a shell would see
// something else there. What cannot be understood is a finding with file and line,
// which never shows what stands on it, because that may be a secret.
//
// The room does not know which names are secrets, nor where values go; that is
// vault's. Its neighbour is finding.
package dotenv
