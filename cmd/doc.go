// Package cmd holds the commands, which are the only place that sees both halves
// of the house, and the picture of the house as a test.
package cmd
