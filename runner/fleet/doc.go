// Package fleet brings all scripts of one environment from what serves now to
// what a release wants, and back again when that does not come to its end.
//
// [Deploy] works in two movements: every version is uploaded and the release
// recorded, and only then traffic moves, providers before those that need them;
// triggers come last, and only where they differ. [PutBack] is its undo. Between
// the two stands the [Fleet], which knows of each script where it was, where it
// is going and whether it was touched.
//
// The room decides how each script travels; what is sent is made by upload, what may
// not come is told by hold, the account is read by live, and compared by drift. Its
// other neighbours are pipeline, project, release, check, remedy and bundle, on whose
// shelf the code lies.
package fleet
