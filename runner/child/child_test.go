package child

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

func run(t *testing.T, ctx context.Context, line string, env ...string) ([]string, error) {
	t.Helper()
	var lines []string
	err := Run(ctx, Shell(line, t.TempDir(), append(env, "PATH="+os.Getenv("PATH"))), func(l string) { lines = append(lines, l) })
	return lines, err
}

func TestLinesAreHandedOnFromBothStreams(t *testing.T) {
	t.Parallel()
	lines, err := run(t, context.Background(), "echo one; echo two >&2; printf three")
	if err != nil || !slices.Equal(lines, []string{"one", "two", "three"}) {
		t.Errorf("%q, %v", lines, err)
	}
}

func TestACommandGetsItsEnvironmentAndNothingElse(t *testing.T) {
	t.Setenv("CLOUDFLARE_API_TOKEN", "hunter2")
	lines, err := run(t, context.Background(), "echo [$CLOUDFLARE_API_TOKEN] [$GIVEN]", "GIVEN=yes")
	if err != nil || !slices.Equal(lines, []string{"[] [yes]"}) {
		t.Errorf("%q, %v", lines, err)
	}
}

func TestAFailureKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	_, err := run(t, context.Background(), "for i in $(seq 1 50); do echo $i; done; exit 3")
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Code != 3 || len(f.Last) != kept || f.Last[kept-1] != "50" {
		t.Errorf("%+v", err)
	}
}

func TestACommandThatIsNotThere(t *testing.T) {
	t.Parallel()
	err := Run(context.Background(), Command{Args: []string{"no-such-program"}}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("%v", err)
	}
}

func TestACancelledCommandTakesItsChildrenWithIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("interrupt")
	begin := time.Now()
	_, err := func() ([]string, error) {
		var lines []string
		err := Run(ctx, Shell("trap '' TERM; (trap '' TERM; echo $BASHPID; sleep 60) & echo $! > "+file+"; echo ready; wait", t.TempDir(), []string{"PATH=" + os.Getenv("PATH")}), func(l string) {
			if l == "ready" {
				cancel(why)
			}
			lines = append(lines, l)
		})
		return lines, err
	}()
	if !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	if !gone(pid) {
		t.Errorf("process %d is still there", pid)
	}
}

// gone waits a little for a killed process to be reaped by init.
func gone(pid int) bool {
	for range 100 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		if raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(raw), ") Z ") {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

func TestComplaintsHaveTheirPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, output, at, rule, message string }{
		{"tsc", "workers/cron/src/a.ts(1,7): error TS2322: Type 'x'.", "workers/cron/src/a.ts:1:7", "typescript", "TS2322: Type 'x'."},
		{"tsc below pnpm -r", "packages/auth build: src/tokens.ts(1,7): error TS2322: no", "packages/auth/src/tokens.ts:1:7", "typescript", "TS2322: no"},
		{"tsc with colours", "\x1b[96msrc/a.ts\x1b[0m:\x1b[93m3\x1b[0m:\x1b[93m9\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS1005: \x1b[0m';' expected.", "src/a.ts:3:9", "typescript", "TS1005: ';' expected."},
		{"esbuild", "✘ [ERROR] Could not resolve \"x\"\n\n    src/a.ts:2:7:\n      2 │ import", "src/a.ts:2:8", "bundle", `Could not resolve "x"`},
		{"outside the project", "/usr/lib/x.d.ts(1,1): error TS1: no", "", "typescript", "/usr/lib/x.d.ts: TS1: no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c Complaints
			for range 2 { // a complaint that comes twice is told once
				for line := range strings.Lines(tt.output) {
					c.Line(strings.TrimRight(line, "\n"))
				}
			}
			all := c.Findings()
			if len(all) != 1 || all[0].At.String() != tt.at || all[0].Rule != tt.rule || all[0].Message != tt.message {
				t.Errorf("got %+v", all)
			}
		})
	}
}

func TestTheManagerIsFoundAndCalled(t *testing.T) {
	t.Parallel()
	everything := func(name string) (string, error) { return name, nil }
	without := func(missing ...string) func(string) (string, error) {
		return func(name string) (string, error) {
			if slices.Contains(missing, name) {
				return "", errors.New("not found")
			}
			return name, nil
		}
	}
	tests := []struct {
		name    string
		files   map[string]string
		look    func(string) (string, error)
		install []string
		rule    string
	}{
		{"named", map[string]string{"package.json": `{"packageManager":"pnpm@9.15.9+sha512.abc"}`}, everything, []string{"pnpm", "install", "--frozen-lockfile"}, ""},
		{"named and not here", map[string]string{"package.json": `{"packageManager":"pnpm@9.15.9"}`}, without("pnpm"), []string{"npx", "--yes", "pnpm@9.15.9", "install", "--frozen-lockfile"}, ""},
		{"by lockfile", map[string]string{"package.json": `{}`, "yarn.lock": ""}, everything, []string{"yarn", "install", "--immutable"}, ""},
		{"by default", map[string]string{"package.json": `{}`}, everything, []string{"npm", "ci"}, ""},
		{"by lockfile and not here", map[string]string{"package.json": `{}`, "pnpm-lock.yaml": ""}, without("pnpm"), nil, "no-package-manager"},
		{"named, and nothing here", map[string]string{"package.json": `{"packageManager":"pnpm@9.15.9"}`}, without("pnpm", "npx"), nil, "no-package-manager"},
		{"no node", map[string]string{"package.json": `{}`}, without("node"), nil, "no-node"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fsys := fstest.MapFS{}
			for name, text := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			m, err := FindManager(fsys)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Install(tt.look)
			if f, _ := errors.AsType[finding.Finding](err); f.Rule != tt.rule || !reflect.DeepEqual(got, tt.install) {
				t.Errorf("%q, %v; want %q, %s", got, err, tt.install, tt.rule)
			}
		})
	}
	if m, err := FindManager(fstest.MapFS{}); err != nil || m.Name != "" {
		t.Errorf("without package.json: %+v, %v", m, err)
	}
}
