//go:build unix

package fakecloudflare_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/project"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
)

// desk is a directory with a small Worker, and unmodified wrangler to deploy it with.
type desk struct {
	t       *testing.T
	dir     string
	program string
	env     []string
}

func newDesk(t *testing.T, c client, files map[string]string) desk {
	t.Helper()
	d := desk{t: t, dir: t.TempDir(), program: filepath.Join(project.Dir(t), "node_modules", ".bin", "wrangler")}
	for name, text := range files {
		path := filepath.Join(d.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(os.Environ(), "CLOUDFLARE_API_BASE_URL="+c.url, "CLOUDFLARE_API_TOKEN="+c.token, "CLOUDFLARE_ACCOUNT_ID="+c.id,
		"WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "CI=1", "HOME="+d.dir, "XDG_CONFIG_HOME="+d.dir, "NO_COLOR=1", "FORCE_COLOR=0")
	return d
}

func (d desk) command(ctx context.Context, input string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.program, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = d.dir, d.env, strings.NewReader(input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// run runs wrangler, fails the test when it does, and returns what it printed.
func (d desk) run(input string, args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	out, err := d.command(ctx, input, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("wrangler %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// says runs wrangler and checks that it prints each of some words.
func (d desk) says(want, input string, args ...string) string {
	d.t.Helper()
	out := d.run(input, args...)
	for word := range strings.SplitSeq(want, "|") {
		if !strings.Contains(out, word) {
			d.t.Errorf("wrangler %s does not say %q:\n%s", strings.Join(args, " "), word, out)
		}
	}
	return out
}

const deskConfig = `
name = "desk"
main = "index.js"
compatibility_date = "2026-03-20"
compatibility_flags = ["nodejs_compat"]
routes = [{ pattern = "desk.example.com/*", zone_name = "example.com" }]
[vars]
GREETING = "hello"
[triggers]
crons = ["*/5 * * * *"]
[[kv_namespaces]]
binding = "KV"
id = "KV_ID"
[[d1_databases]]
binding = "DB"
database_name = "desk-db"
database_id = "DB_ID"
[[r2_buckets]]
binding = "BUCKET"
bucket_name = "desk-bucket"
[[queues.producers]]
binding = "QUEUE"
queue = "desk-queue"
[[queues.consumers]]
queue = "desk-queue"
max_batch_size = 5
dead_letter_queue = "desk-queue-dlq"
[[durable_objects.bindings]]
name = "OBJECT"
class_name = "Thing"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Thing"]
[[workflows]]
binding = "FLOW"
name = "desk-flow"
class_name = "Flow"
[assets]
directory = "./public"
binding = "ASSETS"
`

const deskCode = `
import { DurableObject, WorkflowEntrypoint } from "cloudflare:workers";
import { createHash } from "node:crypto";
export class Thing extends DurableObject {}
export class Flow extends WorkflowEntrypoint { async run() {} }
export default {
	async fetch(request, env) { return new Response(env.GREETING + createHash("md5").update("x").digest("hex")); },
	async queue(batch) {},
	async scheduled() {},
};
`

var versionID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// TestUnmodifiedWrangler runs the commands of a deployment one after another,
// as the account's state demands.
func TestUnmodifiedWrangler(t *testing.T) {
	t.Parallel()
	server, c := newAccount(t, fake.Options{Subdomain: "sub", Zones: []fake.Zone{{Name: "example.com"}}})
	db, err := server.D1.Create("desk-db", "")
	if err != nil {
		t.Fatal(err)
	}
	ns, err := server.KV.Create("desk-kv", "")
	if err != nil {
		t.Fatal(err)
	}
	_, errBucket := server.R2.Create("desk-bucket")
	_, errQueue := server.Queues.Create("desk-queue", queue.Settings{})
	if err := errors.Join(errBucket, errQueue); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, c, map[string]string{
		"wrangler.toml":          strings.NewReplacer("KV_ID", ns.ID, "DB_ID", db.ID).Replace(deskConfig),
		"index.js":               deskCode,
		"public/index.html":      "<h1>desk</h1>",
		"public/style.css":       "h1 { color: red }",
		"migrations/0001_a.sql":  "CREATE TABLE a (x);\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a WHERE x = 0;\nEND;\n",
		"migrations/0002_b.sql":  "INSERT INTO a VALUES (1);\n",
		"secrets.json":           `{"ONE":"1","TWO":"2"}`,
		"broken/wrangler.toml":   "name = \"broken\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-20\"\n[[services]]\nbinding = \"S\"\nservice = \"nope\"\n",
		"broken/index.js":        hello,
		"broken/migrations/x.md": "",
	})
	d.says("deployer@example.com|Fake Account", "", "whoami")
	first := versionID.FindString(d.says("Uploaded desk|Deployed desk triggers|desk.example.com/*|workflow: desk-flow|Current Version ID", "", "deploy"))
	if got := server.Zones.Answers("desk.example.com", "/"); got.Script != "desk" {
		t.Errorf("after deploying, the route answers %+v", got)
	}
	if server.Queues.Consumed("desk") != "desk-queue" {
		t.Error("after deploying, the queue has no consumer")
	}
	d.says("Executed 3 commands|0002_b.sql", "", "d1", "migrations", "apply", "desk-db", "--remote")
	d.says("No migrations to apply", "", "d1", "migrations", "apply", "desk-db", "--remote")
	bookmark := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}`).FindString(d.says("The current bookmark is", "", "d1", "time-travel", "info", "desk-db"))
	d.run("", "d1", "execute", "desk-db", "--remote", "--command", "DROP TABLE a")
	d.says("Database desk-db restored", "", "d1", "time-travel", "restore", "desk-db", "--bookmark", bookmark)
	d.says(`"x": 1`, "", "d1", "execute", "desk-db", "--remote", "--json", "--command", "SELECT * FROM a")
	second := versionID.FindString(d.says("Current Version ID", "", "deploy", "--message", "again"))
	third := versionID.FindString(d.says("Worker Version ID", "", "versions", "upload", "--tag", "t3"))
	d.says("Deployed desk version", "", "versions", "deploy", third+"@100%", "-y")
	serving := func(want, after string) {
		t.Helper()
		if s, err := server.Scripts.Get("desk"); err != nil || s.Serving().ID != want {
			t.Errorf("after %s, %s serves instead of %s: %v", after, s.Serving().ID, want, err)
		}
	}
	serving(third, "versions deploy")
	d.says("SUCCESS", "", "rollback", "-y")
	serving(second, "rollback")
	d.run("", "versions", "deploy", third+"@100%", "-y")
	d.says("Success", "hunter2\n", "secret", "put", "THREE")
	d.says("2 secrets successfully uploaded", "", "secret", "bulk", "secrets.json")
	if list, err := server.Scripts.Secrets("desk"); err != nil || len(list) != 3 {
		t.Errorf("secrets are %v, %v", list, err)
	}
	d.says("The following secrets have changed|SUCCESS", "", "rollback", first, "-y")
	serving(first, "a forced rollback")
	d.says("desk-queue", "", "queues", "list")
	d.says("desk-kv", "", "kv", "namespace", "list")
	d.says(third, "", "versions", "list")
	d.says(first, "", "deployments", "list")
	d.dir = filepath.Join(d.dir, "broken")
	out, err := d.command(t.Context(), "", "deploy").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "[code: 10144]") {
		t.Errorf("a Worker bound to nothing was deployed: %v\n%s", err, out)
	}
}

// TestWranglerTail watches a Worker; the event is sent by hand, without a runtime.
func TestWranglerTail(t *testing.T) {
	t.Parallel()
	server, c := newAccount(t, fake.Options{Subdomain: "sub"})
	version := c.put("desk", "", hello)
	d := newDesk(t, c, map[string]string{"wrangler.toml": "name = \"desk\"\n"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := d.command(ctx, "", "tail", "desk", "--format", "json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !server.Tails.Watched("desk") && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	if err := server.Tails.Send("desk", version, map[string]any{"outcome": "ok", "logs": []any{}, "exceptions": []any{}, "eventTimestamp": 1700000000000,
		"event": map[string]any{"request": map[string]any{"url": "https://desk.example.com/", "method": "GET", "headers": map[string]any{}}}}); err != nil {
		t.Error(err)
	}
	var event struct{ ScriptName string }
	if err := json.NewDecoder(out).Decode(&event); err != nil || event.ScriptName != "desk" {
		t.Errorf("tail printed %+v, %v\n%s", event, err, stderr.String())
	}
	time.Sleep(500 * time.Millisecond) // this wrangler looks ten times a second whether it is connected, and a tail closed before it looked is an error to it
	server.Tails.Close()               // 1000: it goes home by itself
	if err := cmd.Wait(); err != nil {
		t.Errorf("tail ended with %v\n%s", err, stderr.String())
	}
}
