// Package compensation is the file that takes a migration back on its way into the
// folder: which migration is meant, whether it was applied, whether a file takes it
// back already, and the new file itself.
//
// [Find] finds the migration that a person means, [Stage] asks the account, has the
// file derived and proven, and writes it. It never changes a file that is there, and
// it applies nothing: that is for migrate, to staging before production.
//
// What stands in the file is for reversal to find out. Its neighbours are reversal,
// migration and whole.
package compensation
