// Package outlook makes previews: it asks the account what a promotion would
// change in one environment, and changes nothing.
//
// [Look] stands on the steps with which the stages of a promotion begin:
// fleet's outlook decides how each script would travel, migration compares
// the ledgers and proves what is pending. Besides, it reads the bindings of the live
// versions and the records of the zones, which only a reader wants to know.
// [Compare] does so as a stage of a plan; [Agreed] keeps a stage from beginning
// when the environment is not as a plan saw it.
//
// The room holds no result: that is preview, plain data. Its neighbours are
// fleet, migration, rehearsal, live, preview and those that they stand on.
package outlook
