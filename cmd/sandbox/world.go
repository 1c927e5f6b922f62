package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/project"
)

// world is an account that runs, for one project.
type world struct {
	*fakecloudflare.Running
	loaded project.Project
	dir    string // the project
	tmp    string // what the sandbox makes: binaries, the authority's certificate
	token  string
	zone   string // id of the first zone
	copied bool   // dir is a copy that goes away with the world
	// secrets are values for what the project's secret map names.
	secrets map[string]string
}

// open starts an account for the project in dir, with an empty inside but for
// the zones that the routes lie in.
func open(ctx context.Context, dir string, latency time.Duration) (*world, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	loaded, err := project.Load(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "sandbox-")
	if err != nil {
		return nil, err
	}
	w := &world{loaded: loaded, dir: dir, tmp: tmp, token: "sandbox-" + rand.Text(), secrets: map[string]string{}}
	var zones []fakecloudflare.Zone
	for _, name := range zonesOf(loaded) {
		zones = append(zones, fakecloudflare.Zone{Name: name, ID: hexID()})
	}
	account := fakecloudflare.New(fakecloudflare.Options{Token: w.token, Subdomain: "sandbox", Zones: zones})
	if w.Running, err = account.Start(ctx, runtimeOf(dir)); err != nil {
		os.RemoveAll(tmp)
		return nil, err
	}
	account.SetLatency(latency)
	if len(zones) > 0 {
		w.zone = zones[0].ID
	}
	for _, s := range loaded.Settings.Secrets {
		w.secrets[s.Name] = randomSecret()
	}
	return w, os.WriteFile(w.caFile(), w.CA, 0o644)
}

// bundled is the monorepo of this repository.
func bundled() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata", "projects", "tminus")
}

// runtimeOf is the project whose miniflare runs the Workers: the one that is
// promoted, or the bundled one if that has none.
func runtimeOf(dir string) string {
	for _, name := range []string{"miniflare", "wrangler"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", name)); err == nil {
			return dir
		}
	}
	return bundled()
}

// close ends the account and takes away what the sandbox made.
func (w *world) close() {
	if err := w.Running.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "sandbox: %s\n", err)
	}
	os.RemoveAll(w.tmp)
	if w.copied {
		os.RemoveAll(w.dir)
	}
}

// claim gives a route to a script of somebody else, who asks the API for it.
func (w *world) claim(script, pattern string) error {
	form := "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"main_module\":\"w.js\",\"compatibility_date\":\"2026-01-01\"}\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"w.js\"; filename=\"w.js\"\r\nContent-Type: application/javascript+module\r\n\r\n" +
		"export default { fetch() { return new Response(\"somebody else\") } }\r\n--b--\r\n"
	if err := w.ask("PUT", "/accounts/"+w.ID()+"/workers/scripts/"+script, "multipart/form-data; boundary=b", form); err != nil {
		return err
	}
	return w.ask("POST", "/zones/"+w.zone+"/workers/routes", "application/json", fmt.Sprintf(`{"pattern":%q,"script":%q}`, pattern, script))
}

// ask makes one call of the account's API.
func (w *world) ask(method, path, contentType, body string) error {
	r, err := http.NewRequest(method, w.API+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s %s: %s", method, path, text)
	}
	return nil
}

func (w *world) caFile() string { return filepath.Join(w.tmp, "ca.pem") }

// hexID is an identifier as Cloudflare has them: 32 hexadecimal digits.
func hexID() string {
	raw := make([]byte, 16)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}

// randomSecret is 32 random bytes in base64, as the runbook makes them.
func randomSecret() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// zonesOf are the domains that the routes of a project lie in.
func zonesOf(p project.Project) []string {
	seen := map[string]bool{}
	var names []string
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, env := range p.Envs() {
		t, err := p.In(env)
		if err != nil {
			continue
		}
		for _, s := range t.Scripts {
			for _, r := range s.Section.Triggers.Routes {
				add(r.Zone.V)
			}
		}
		for _, host := range t.Hosts() {
			labels := strings.Split(host, ".")
			add(strings.Join(labels[max(len(labels)-2, 0):], "."))
		}
	}
	return names
}

// furnish makes what the configuration names, with the very ids that it names:
// databases, namespaces, buckets, queues, and proxied records for the hosts.
func (w *world) furnish() error {
	for _, env := range w.loaded.Envs() {
		t, err := w.loaded.In(env)
		if err != nil {
			return err
		}
		for _, s := range t.Scripts {
			if err := w.stores(s); err != nil {
				return fmt.Errorf("furnish %s: %w", s.Name, err)
			}
		}
		for _, host := range t.Hosts() {
			zone := zoneOf(zonesOf(w.loaded), host)
			if custom(t, host) || zone == "" {
				continue // Cloudflare makes the record of a custom domain itself
			}
			target := zone
			record := dns.Content{Type: "CNAME", Name: host, Content: target, Proxied: true, TTL: 1}
			if host == zone {
				record = dns.Content{Type: "A", Name: host, Content: "192.0.2.1", Proxied: true, TTL: 1}
			}
			if _, err := w.Zones.AddRecord(zone, record); err != nil {
				return fmt.Errorf("furnish %s: %w", host, err)
			}
		}
	}
	return nil
}

func zoneOf(zones []string, host string) string {
	best := ""
	for _, z := range zones {
		if (host == z || strings.HasSuffix(host, "."+z)) && len(z) > len(best) {
			best = z
		}
	}
	return best
}

// custom tells whether a host is a custom domain.
func custom(t project.Target, host string) bool {
	for _, s := range t.Scripts {
		for _, r := range s.Section.Triggers.Routes {
			if r.Custom && r.Pattern.V == host {
				return true
			}
		}
	}
	return false
}

// stores makes what one script binds and consumes. What is there already, because
// another script names it too, is left.
func (w *world) stores(s project.Script) error {
	for _, b := range s.Section.Bindings {
		var err error
		switch b.Type {
		case "d1":
			if id := b.Field("database_id").V; !w.D1.Has(id) {
				_, err = w.D1.Create(b.Field("database_name").V, id)
			}
		case "kv_namespace":
			if id := b.Field("id").V; w.KV.Check(id) != nil {
				_, err = w.KV.Create(s.Name+"-"+b.Name.V, id)
			}
		case "r2_bucket":
			if name := b.Field("bucket_name").V; w.R2.Check(name) != nil {
				_, err = w.R2.Create(name)
			}
		case "queue":
			err = w.queue(b.Field("queue").V)
		}
		if err != nil {
			return err
		}
	}
	for _, c := range s.Section.Triggers.Consumers {
		for _, name := range []string{c.Queue.V, c.DeadLetter.V} {
			if err := w.queue(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) queue(name string) error {
	if name == "" || w.Queues.Check(name) == nil {
		return nil
	}
	_, err := w.Queues.Create(name, queue.Settings{})
	return err
}

// resolve are values for --resolve: every host of the project is at the edge.
func (w *world) resolve() []string {
	var values []string
	for _, env := range w.loaded.Envs() {
		if t, err := w.loaded.In(env); err == nil {
			for _, host := range t.Hosts() {
				values = append(values, host+":443:"+w.Edge)
			}
		}
	}
	return values
}

// env are the variables that point a child at this account. Everything else of
// the machine is handed on, but nothing that would point elsewhere.
func (w *world) env() []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CLOUDFLARE_") && !strings.HasPrefix(pair, "CF_") && !strings.HasPrefix(pair, "INPUT_") && !strings.HasPrefix(pair, "GITHUB_") {
			env = append(env, pair)
		}
	}
	env = append(env,
		"CLOUDFLARE_API_BASE_URL="+w.API, "CLOUDFLARE_API_TOKEN="+w.token, "CLOUDFLARE_ACCOUNT_ID="+w.ID())
	for name, value := range w.secrets {
		env = append(env, name+"="+value)
	}
	return env
}
