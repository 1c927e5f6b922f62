// Package card is the check run that a server keeps for each release of an
// environment, "Release · production" on its commit, with buttons for a person: roll
// back, hold, retry verification.
//
// GitHub tells of a pressed button only the App whose check run it is, so cards are
// for a server that is a GitHub App. A card says what the records on GitHub say: it is
// made from them each time, by whoever is told that something has changed, and found
// again by its external id. A release that another has replaced, or that was taken
// back, has no buttons any more.
//
// [Judge] reads who pressed which button. Whether that person may is for the caller
// to ask. The neighbours are deployment, which has the records, and github.
package card
