// Package secret keeps values that must never be seen: it hands them to those
// who send them, tells two of them apart without showing either, and takes them
// out of any text before that text is printed, sent or kept.
//
// A [Store] is filled once from the environment. A [Redactor] is given to every
// room that handles foreign text: output of builds, answers of Workers, errors.
//
// The room knows nothing about where texts go. It imports nothing of ours.
package secret
