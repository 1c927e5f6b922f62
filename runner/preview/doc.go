// Package preview is what a promotion would change, as plain data: for each
// environment its Workers, databases and what was found.
//
// [Plan] is what is shown and written as JSON. [Seen] is what a plan rests upon:
// what the account has and what is wanted. Its [Seen.Digest] tells whether the
// world is still as the plan saw it, and [Moved] names what is not. No value of a
// secret ever comes into this room, and [Plan.Redacted] stands before whatever
// shows it.
//
// The room asks nobody: outlook makes previews, report and proposal show them.
// Its neighbours are release and finding.
package preview
