//go:build !unix

package child

import "os/exec"

func alone(*exec.Cmd) {}

// killAll ends the child; what it started ends when its pipes close.
func killAll(cmd *exec.Cmd) error { return cmd.Process.Kill() }
