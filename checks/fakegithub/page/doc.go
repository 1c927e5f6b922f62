// Package page shows the check runs and deployments of a commit as a person
// would see them at GitHub: marks and states on the left, on the right the
// chosen run with its Markdown, its annotations and its buttons.
//
// It knows only what it is given. Raw HTML in Markdown is left out and links of
// strange schemes are made harmless, as the texts come from whoever ran. The
// page asks for itself again every second until everything is completed.
package page
