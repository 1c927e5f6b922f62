package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is what is run, where, and with which environment.
type Command struct {
	// Args are the program and its arguments.
	Args []string
	Dir  string
	// Env are the variables of the process, and all of them.
	Env []string
}

// Shell is a command line for the shell.
func Shell(line, dir string, env []string) Command {
	return Command{Args: []string{"sh", "-c", line}, Dir: dir, Env: env}
}

// String is the command as a person would type it.
func (c Command) String() string {
	if len(c.Args) == 3 && c.Args[0] == "sh" && c.Args[1] == "-c" {
		return c.Args[2]
	}
	return strings.Join(c.Args, " ")
}

// grace is how long a cancelled command may take to end by itself.
const grace = 2 * time.Second

// Failure is a command that ended badly.
type Failure struct {
	Command string
	Code    int
	// Last are the last lines of its output.
	Last []string
}

// Error implements error.
func (f *Failure) Error() string { return fmt.Sprintf("%s ended with exit code %d", f.Command, f.Code) }

// Run runs a command to its end and hands on every line that it prints, on
// standard output or standard error. A *Failure says that it ended badly; when
// the context ends, the whole process group is asked to end and then killed.
func Run(ctx context.Context, c Command, line func(string)) error {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	last := make(chan []string, 1)
	go func() { last <- follow(read, line) }()
	err := cmd.Wait()
	// What the command started and did not wait for must not outlive it.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	write.Close()
	lines := <-last
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c, context.Cause(ctx))
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &Failure{Command: c.String(), Code: exit.ExitCode(), Last: lines}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

// kept is how many lines a Failure shows.
const kept = 20

// follow hands on lines as they come and keeps the last ones. A line that never
// ends is cut.
func follow(r io.Reader, line func(string)) []string {
	var last []string
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		raw, err := lines.ReadSlice('\n')
		if text := strings.TrimRight(string(raw), "\r\n"); len(raw) > 0 {
			line(text)
			last = append(last, text)
			last = last[max(len(last)-kept, 0):]
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return last
		}
	}
}

// Shelled tells whether the first program of a command line can be found with
// look, such as exec.LookPath. Words that only the shell understands pass.
func Shelled(line string, look func(string) (string, error)) error {
	for _, word := range strings.Fields(line) {
		if strings.Contains(word, "=") {
			continue // a variable for the program
		}
		if strings.ContainsAny(word, "$`'\"(){}&|;<>*") || builtin[word] {
			return nil
		}
		_, err := look(word)
		return err
	}
	return errors.New("it is empty")
}

// builtin are words that the shell does itself.
var builtin = map[string]bool{"cd": true, "set": true, "export": true, ".": true, "if": true, "for": true, "while": true, "exec": true, "test": true, "[": true, ":": true, "true": true, "false": true, "exit": true, "echo": true}
