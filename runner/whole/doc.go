// Package whole writes files that are there wholly or not at all, whenever this
// process or the machine stops.
//
// [Replace] takes the place of a file and keeps its permissions and owner,
// [Create] never touches one that is there, and [Put] is for what can be made again
// and need not wait for the disk. What is not whole yet lies beside its place, for this
// user alone, and is removed whatever happens; if this process is killed it stays, and
// what Create left is then ignored by git: it may be a secret. An error names the file
// that was meant, and no other.
//
// It stands on os alone: the known libraries keep no owner, refuse no file that is
// there, always wait for the disk, or are not for Windows. It makes no folder that
// is missing and follows no symbolic link: a link is replaced or refused like a file.
// It has no neighbours.
package whole
