// Package markdown writes what a reader sees on GitHub: tables of tasks and
// stages, findings with links to their lines, and a timeline.
//
// Whatever comes from outside, such as a message or a title, is escaped, so that it
// can neither format nor mention nor break out of a table. The room asks nobody;
// checkrun, summary and proposal put its texts where they belong.
package markdown
