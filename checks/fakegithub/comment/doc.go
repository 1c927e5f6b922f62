// Package comment holds what people and Apps say under pull requests and
// commits.
//
// Only pull requests that exist can be commented on; the repository has no
// issues of another kind. A comment can be changed by whoever wrote it, and by
// those who may write to the repository.
package comment
