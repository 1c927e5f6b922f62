package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// asChild is the variable that has the test binary be the program itself.
const asChild = "DEPLOY_ACTION_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		main()
	}
	os.Exit(m.Run())
}

// moment is when a run of the program is killed: at the nth call that writes or that
// reads, of Cloudflare's and GitHub's together, before the call has its effect or
// after it.
type moment struct {
	write bool
	n     int
	after bool
}

func (m moment) String() string {
	return fmt.Sprintf("%s %s %d", map[bool]string{true: "after", false: "before"}[m.after], map[bool]string{true: "write", false: "read"}[m.write], m.n)
}

// victim runs the program in a process of its own, which is killed at a moment. It
// tells whether the moment came.
func (y *yard) victim(env map[string]string, when moment, args ...string) bool {
	y.t.Helper()
	ctx, cancel := context.WithTimeout(y.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, y.binary, append(args, y.common...)...)
	cmd.Env = []string{asChild + "=1"}
	for name, v := range env {
		cmd.Env = append(cmd.Env, name+"="+v)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := y.reaper.begin(cmd, when); err != nil {
		y.t.Fatal(err)
	}
	err := cmd.Wait()
	killed, last := y.reaper.end()
	y.last = last
	if !killed && cmd.ProcessState.ExitCode() < 0 {
		y.t.Fatalf("it ended by itself: %v\n%s", err, out.String())
	}
	return killed
}

// scene is what is killed.
type scene struct {
	name  string
	begin func(*yard)                                 // what was before
	run   func(*yard, map[string]string, moment) bool // what is killed
}

var scenes = []scene{
	{
		"a promotion whose health gate closes and that rolls back by itself",
		func(y *yard) { y.promoted(0); y.promoted(1) },
		func(y *yard, env map[string]string, when moment) bool {
			y.project(2)
			return y.victim(env, when, "promote")
		},
	},
	{
		"a rollback by hand",
		func(y *yard) { y.promoted(1); y.promoted(2) },
		func(y *yard, env map[string]string, when moment) bool {
			return y.victim(env, when, "rollback", "--env", "production")
		},
	},
}

// recoveries are what is done after the kill, and which release must serve then.
var recoveries = []struct {
	name string
	do   func(*yard)
}{
	{"a rollback", func(y *yard) {
		back := 1
		if !y.recorded(2) {
			back = 0 // the release was killed before it began, so the one before is taken back
		}
		if code, text := y.run(y.job(2), append([]string{"rollback", "--env", "production"}, y.common...)...); code != 0 {
			y.t.Errorf("the rollback: exit %d\n%s", code, text)
		}
		y.whole(back)
	}},
	{"the next promotion", func(y *yard) { y.promoted(3); y.whole(3) }},
}

// readsBetween: of the calls that only read every seventh one is taken, for the sake of
// time; killing at a read and at the write before it leaves the same behind.
const readsBetween = 7

// Whenever the program is killed, what comes next brings the environment wholly to
// one release, and GitHub says what is so.
func TestAKillAtAnyCallLeavesNothingThatIsNotMended(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes")
	}
	t.Parallel()
	room := make(chan struct{}, 2)
	for _, s := range scenes {
		for _, r := range recoveries {
			for _, m := range []moment{{write: true}, {write: true, after: true}, {write: false}, {write: false, after: true}} {
				name := fmt.Sprintf("%s, then %s, killed %s", s.name, r.name, strings.TrimSuffix(m.String(), " 0"))
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					for n := 1; ; n++ {
						when := m
						when.n = n
						if !m.write {
							when.n = (n-1)*readsBetween + 1
						}
						killed := false
						room <- struct{}{}
						t.Run(when.String(), func(t *testing.T) { killed = sweep(t, s, r.do, when) })
						<-room
						if !killed || t.Failed() && n > 200 {
							if n < 5 {
								t.Errorf("it came to its end after %d calls", n)
							}
							return
						}
					}
				})
			}
		}
	}
}

// sweep is one kill with what comes next. The post part of the action runs before the
// recovery or after it, in turns: a runner may be slow.
func sweep(t *testing.T, s scene, mend func(*yard), when moment) bool {
	y := newYard(t)
	s.begin(y)
	env := y.job(2)
	y.healthy[2] = false
	killed := s.run(y, y.as(env), when)
	y.over(env)
	if !killed { // it came to its end, and needs no help
		y.whole(1)
		y.told()
		return false
	}
	if when.n%2 == 0 {
		y.post(env)
	}
	mend(y)
	if when.n%2 == 1 {
		y.post(env)
	}
	y.told()
	if t.Failed() {
		t.Logf("killed at %s", y.last)
	}
	return true
}

// reaper kills a process at a call. Whatever the process still asks then is lost.
type reaper struct {
	mu     sync.Mutex
	when   moment
	seen   int
	dead   bool
	last   string
	cmd    *exec.Cmd
	flight sync.WaitGroup
}

// begin starts the process that is to be killed.
func (r *reaper) begin(cmd *exec.Cmd, when moment) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd, r.when = cmd, when
	return cmd.Start()
}

// end waits until no call is under way, and tells whether the process was killed.
func (r *reaper) end() (killed bool, last string) {
	r.mu.Lock()
	killed, last = r.dead, r.last
	r.dead = true
	r.mu.Unlock()
	r.flight.Wait()
	return killed, last
}

// enter counts a call: it is the one, or is let through, or is lost.
func (r *reaper) enter(write bool) (hit, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return false, true
	}
	r.flight.Add(1)
	if write == r.when.write {
		r.seen++
		hit = r.seen == r.when.n
	}
	return hit, false
}

// kill ends the process.
func (r *reaper) kill(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead, r.last = true, call
	_ = r.cmd.Process.Kill() // it may have ended by itself
}

// before stands before a fake of the victim's.
func (r *reaper) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hit, lost := r.enter(req.Method != http.MethodGet)
		if lost {
			panic(http.ErrAbortHandler)
		}
		defer r.flight.Done()
		if !hit {
			next.ServeHTTP(w, req)
			return
		}
		if r.when.after {
			next.ServeHTTP(httptest.NewRecorder(), req)
		}
		r.kill(req.Method + " " + req.URL.Path)
		panic(http.ErrAbortHandler)
	})
}
