// Package lane brings things on a platform to their newest state beside the work
// that changes them: one call at a time for each thing, side by side for several,
// and never a call for a state that has been overtaken.
//
// A [Lane] is given what to send and returns at once. Whoever needs the end
// waits for it, as long as a context allows. The room knows neither GitHub nor
// stages; checkrun and deployment stand on it.
package lane
