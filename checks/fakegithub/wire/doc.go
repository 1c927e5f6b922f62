// Package wire is the grammar of GitHub's REST API: how a body is read, the
// answers and the errors, pages, and the table of endpoints.
//
// It knows no product. Each room beside it lists its endpoints; fakegithub puts
// them into one Table and asks who may call them before they run. Endpoints run
// one at a time under fakegithub's lock, so the rooms need no locks of their own.
package wire
