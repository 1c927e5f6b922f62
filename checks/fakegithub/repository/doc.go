// Package repository is the one repository there is: commits with their files,
// branches, tags and pull requests, as a test laid them down.
//
// It resolves what others call a ref, and shows itself in the form that GitHub
// embeds in answers and payloads. There is no git here: a commit is a name and a
// map of files, and its identifier is made from both.
package repository
