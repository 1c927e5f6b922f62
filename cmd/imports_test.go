package cmd

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tminus/deploy-action/"

// rooms is the picture of the house: which room may import which others of ours.
// A room that is not in the table does not exist yet, and one that imports more
// than its row says has grown a second purpose. cmd sees everything.
var rooms = map[string][]string{
	"runner/finding":      {},
	"runner/document":     {"finding"},
	"runner/wrangler":     {"document", "finding"},
	"runner/project":      {"wrangler", "document", "finding"},
	"runner/bundle":       {},
	"runner/secret":       {},
	"runner/whole":        {},
	"runner/cloudflare":   {},
	"runner/release":      {"whole", "finding"},
	"runner/preview":      {"release", "finding"},
	"runner/probe":        {},
	"runner/child":        {"finding"},
	"runner/pipeline":     {"finding"},
	"runner/schema":       {"cloudflare", "finding"},
	"runner/rehearsal":    {"schema", "finding"},
	"runner/reversal":     {"rehearsal", "schema", "finding"},
	"runner/migration":    {"pipeline", "project", "cloudflare", "schema", "rehearsal", "remedy", "release", "finding"},
	"runner/compensation": {"pipeline", "project", "document", "migration", "rehearsal", "remedy", "reversal", "schema", "whole", "finding"},
	"runner/live":         {"cloudflare", "release", "finding"},
	"runner/remedy":       {"cloudflare", "live", "finding"},
	"runner/upload":       {"release", "project", "wrangler", "bundle", "secret", "cloudflare", "finding"},
	"runner/check":        {"project", "wrangler", "bundle", "cloudflare", "live", "finding"},
	"runner/build":        {"pipeline", "project", "bundle", "check", "child", "finding"},
	"runner/inspection":   {"pipeline", "project", "bundle", "build", "check", "cloudflare", "remedy", "finding"},
	"runner/stage":        {"pipeline", "project", "probe", "release", "finding"},
	"runner/provision":    {"pipeline", "project", "wrangler", "check", "cloudflare", "remedy", "whole", "finding"},
	"runner/zone":         {"pipeline", "project", "wrangler", "cloudflare", "remedy", "finding"},
	"runner/hold":         {"pipeline", "project", "live", "remedy", "cloudflare", "release", "finding"},
	"runner/aim":          {"live", "cloudflare", "release", "finding"},
	"runner/rollback":     {"aim", "pipeline", "project", "live", "remedy", "cloudflare", "release", "finding"},
	"runner/retreat":      {"rollback", "stage", "pipeline", "probe", "project", "release"},
	"runner/parcel":       {"bundle", "release", "whole", "finding"},
	"runner/dotenv":       {"finding"},
	"runner/vault":        {"pipeline", "project", "document", "dotenv", "upload", "secret", "cloudflare", "live", "remedy", "release", "finding"},
	"runner/fleet":        {"pipeline", "project", "bundle", "check", "drift", "hold", "upload", "live", "remedy", "secret", "cloudflare", "release", "finding"},
	"runner/rotation":     {"pipeline", "project", "fleet", "vault", "upload", "live", "remedy", "secret", "cloudflare", "release", "whole", "finding"},
	"runner/origin":       {"finding"},
	"runner/tail":         {"cloudflare", "origin", "secret", "finding"},
	"runner/drift":        {"project", "wrangler", "preview", "live", "secret", "cloudflare", "release", "finding"},
	"runner/sight":        {"pipeline", "project", "wrangler", "schema", "live", "remedy", "cloudflare", "release", "finding"},
	"runner/diagnosis":    {"sight", "check", "upload", "drift", "schema", "preview", "pipeline", "project", "wrangler", "live", "cloudflare", "release", "finding"},
	"runner/doctor":       {"diagnosis", "sight", "build", "stage", "drift", "pipeline", "bundle", "check", "probe", "project", "wrangler", "live", "remedy", "cloudflare", "release", "finding"},
	"runner/outlook":      {"drift", "fleet", "migration", "rehearsal", "preview", "pipeline", "project", "wrangler", "live", "remedy", "cloudflare", "release", "finding"},

	"checks/report":      {"runner/pipeline", "runner/preview", "runner/finding"},
	"checks/actions":     {},
	"checks/github":      {},
	"checks/lane":        {},
	"checks/markdown":    {"report", "runner/pipeline", "runner/finding"},
	"checks/checkrun":    {"github", "lane", "markdown", "report", "runner/pipeline", "runner/finding"},
	"checks/deployment":  {"github", "runner/release"},
	"checks/journal":     {"deployment", "github", "lane", "runner/pipeline", "runner/release", "runner/finding"},
	"checks/proposal":    {"markdown", "runner/preview", "runner/finding"},
	"checks/hook":        {},
	"checks/hook/ledger": {"checks/hook"},
	"checks/hook/queue":  {"checks/hook", "checks/hook/ledger"},
	"checks/card":        {"deployment", "github", "markdown", "runner/release"},
	"checks/alarm":       {"deployment", "github"},
	"checks/patrol":      {"alarm", "deployment", "github", "checks/hook", "checks/hook/ledger", "checks/hook/queue"},
	"checks/notice":      {},
	"checks/meter":       {"checks/hook", "checks/hook/ledger"},
	"checks/console":     {},
	"checks/signin":      {},
	"checks/summary":     {"markdown", "report", "runner/pipeline", "runner/release", "runner/finding"},
}

// fakes stand for the platforms. They import nothing of ours but each other, so
// that they cannot share a mistake with the client they answer, and only the
// sandbox and tests may import them.
const fakes = "fake"

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var one listed
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// ours are the imports of a package that are rooms of this module.
func ours(p listed) []string {
	var rooms []string
	for _, i := range p.Imports {
		if room, ok := strings.CutPrefix(i, module); ok {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

func isFake(room string) bool {
	parts := strings.Split(room, "/")
	return len(parts) > 1 && strings.HasPrefix(parts[1], fakes)
}

func TestRoomsImportWhatThePictureShows(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(room, "cmd") || isFake(room) {
			continue
		}
		seen[room] = true
		may, known := rooms[room]
		if !known {
			t.Errorf("%s is a room that the picture does not show", room)
			continue
		}
		half, _, _ := strings.Cut(room, "/")
		for _, other := range ours(p) {
			if !slices.Contains(may, other) && !slices.Contains(may, strings.TrimPrefix(other, half+"/")) {
				t.Errorf("%s imports %s, which the picture does not show", room, other)
			}
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("%s is in the picture and not in the house", room)
		}
	}
}

func TestThePictureShowsNothingThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		half, _, _ := strings.Cut(room, "/")
		for _, may := range rooms[room] {
			if !strings.Contains(may, "/") {
				may = half + "/" + may
			}
			if !slices.Contains(ours(p), may) {
				t.Errorf("the picture lets %s import %s, which it does not", room, may)
			}
		}
	}
}

func TestFakesAreStrangers(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		for _, other := range ours(p) {
			switch {
			case isFake(room) && !isFake(other):
				t.Errorf("%s imports %s: a fake knows nothing of what it answers", room, other)
			case !isFake(room) && isFake(other) && room != "cmd/sandbox":
				t.Errorf("%s imports %s: fakes are for the sandbox and for tests", room, other)
			}
		}
	}
}

// The runner has never heard of GitHub, and the checks never of Cloudflare.
func TestTheHalvesDoNotKnowEachOther(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		for _, i := range p.Imports {
			if strings.HasPrefix(room, "runner/") && (strings.Contains(i, "go-github") || strings.HasPrefix(i, module+"checks/")) {
				t.Errorf("%s imports %s", room, i)
			}
			if strings.HasPrefix(room, "checks/") && strings.Contains(i, "cloudflare") {
				t.Errorf("%s imports %s", room, i)
			}
		}
	}
}

// longest is the longest chain of rooms, from the first to the last, that the
// picture allows. A longer one would mean that a change goes through too many hands.
const longest = 7

func TestChainsStayShort(t *testing.T) {
	t.Parallel()
	imports := map[string][]string{}
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(room, "cmd") && !isFake(room) {
			imports[room] = ours(p)
		}
	}
	var chain func(room string) []string
	chain = func(room string) []string {
		var best []string
		for _, other := range imports[room] {
			if c := chain(other); len(c) > len(best) {
				best = c
			}
		}
		return append([]string{room}, best...)
	}
	for room := range imports {
		if c := chain(room); len(c) > longest {
			t.Errorf("a chain of %d rooms: %s", len(c), strings.Join(c, " → "))
		}
	}
}
