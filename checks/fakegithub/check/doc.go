// Package check holds check runs and their suites, as GitHub's Checks API does.
//
// A run belongs to the App whose token made it, and only that App may change
// it. The limits are GitHub's own: text in bytes, annotations fifty at a time
// and appended, buttons three. What a run ends with decides what its suite ends
// with. The order of a listing (newest first) and the order from worst to best
// conclusion are not documented and are chosen here.
package check
