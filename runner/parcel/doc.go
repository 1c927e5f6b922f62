// Package parcel is what travels from one job to the next when a release is
// promoted in several: the bundles as built, static files, manifests, and which
// gates they have passed.
//
// A parcel is a folder, made to be uploaded and downloaded as an artifact. Whoever
// opens it refuses contents that are not those that were packed, a release of
// another commit, and gates that should have been passed and were not: what
// production gets is what staging has passed, to the byte. It holds no secret.
// The neighbours are bundle, release and whole; the jobs are cmd's.
package parcel
