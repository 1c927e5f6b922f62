// Package sight is what was read of the account once, before anything is judged, so
// that every question judges the same.
//
// [Sight.Read] reads side by side what the configuration gives cause to read: scripts,
// triggers and stores, as live has them, and then what live has no use for, the live
// versions, the records of zones, what waits in queues, the ledgers of databases. What
// the account refuses is noted, and told to whoever asks for it; only what keeps the
// account from being asked ends the reading. [Patient] is the script that is asked
// about.
//
// The room judges nothing: it says which version serves, since when and by whom, and
// leaves to others whether it should. Its neighbours are live, schema, project,
// wrangler, release, remedy and pipeline, and those that judge: diagnosis and doctor.
package sight
