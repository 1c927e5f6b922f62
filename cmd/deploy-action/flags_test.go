package main

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// model is every flag of every command.
func model(t *testing.T) map[string][]*kong.Flag {
	t.Helper()
	k, err := kong.New(&flags{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]*kong.Flag{}
	for _, command := range k.Model.Children {
		for _, f := range command.Flags {
			if f.Name != "help" {
				all[command.Name] = append(all[command.Name], f)
			}
		}
	}
	return all
}

// value is a value that a flag takes and that is not its default.
func value(f *kong.Flag) string {
	switch {
	case f.Enum != "":
		return f.EnumSlice()[len(f.EnumSlice())-1]
	case f.IsBool():
		return "true"
	case f.Target.Type() == reflect.TypeOf(time.Second):
		return "90s"
	case f.Target.Kind() == reflect.Int:
		return "7"
	case f.Target.Kind() == reflect.Float64:
		return "0.5"
	}
	return "some-value"
}

func TestEveryFlagIsAnInputToo(t *testing.T) {
	t.Parallel()
	for command, all := range model(t) {
		for _, f := range all {
			t.Run(command+" "+f.Name, func(t *testing.T) {
				t.Parallel()
				v := value(f)
				byFlag, _, err := parse([]string{command, "--" + f.Name + "=" + v}, lookupIn(nil), &bytes.Buffer{})
				if err != nil {
					t.Fatal(err)
				}
				byInput, _, err := parse([]string{command}, lookupIn(map[string]string{InputName(f.Name): " " + v + "\n"}), &bytes.Buffer{})
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(byFlag, byInput) {
					t.Errorf("--%s=%s gives %+v, the input %+v", f.Name, v, byFlag, byInput)
				}
				unset, _, err := parse([]string{command}, lookupIn(map[string]string{InputName(f.Name): ""}), &bytes.Buffer{})
				plain, _, _ := parse([]string{command}, lookupIn(nil), &bytes.Buffer{})
				if err != nil || !reflect.DeepEqual(unset, plain) {
					t.Errorf("an input that is not set gives %+v, %v", unset, err)
				}
			})
		}
	}
}

func TestInputsKeepTheirHyphensAndListsTheirItems(t *testing.T) {
	t.Parallel()
	if got := InputName("skip-smoke"); got != "INPUT_SKIP-SMOKE" {
		t.Errorf("%s", got)
	}
	f, command, err := parse(nil, lookupIn(map[string]string{"INPUT_WORKER": "api, mcp\npush\n", "INPUT_RESOLVE": "a:443:127.0.0.1"}), &bytes.Buffer{})
	if err != nil || command != "promote" || !slices.Equal(f.Promote.Worker, []string{"api", "mcp", "push"}) || !slices.Equal(f.Promote.Resolve, []string{"a:443:127.0.0.1"}) {
		t.Errorf("%s %+v %v", command, f, err)
	}
	_, command, err = parse(nil, lookupIn(map[string]string{"INPUT_COMMAND": "status"}), &bytes.Buffer{})
	if err != nil || command != "status" {
		t.Errorf("%s %v", command, err)
	}
	f, _, err = parse([]string{"--skip-smoke=false"}, lookupIn(map[string]string{"INPUT_SKIP-SMOKE": "true"}), &bytes.Buffer{})
	if err != nil || f.Promote.SkipSmoke {
		t.Errorf("a flag does not win over an input: %+v %v", f.Promote, err)
	}
}

// Somebody who asks for a dry run must not get a wet one.
func TestAnInputThatTheCommandDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ command, input, given, want string }{
		{"hold", "dry-run", "true", "the command hold does not have the input dry-run"},
		{"migrate", "worker", "api", "the command migrate does not have the input worker"},
		{"rollback", "stages", " build..smoke-staging\n", "the command rollback does not have the input stages"},
		{"", "compromised", "true", "the command promote does not have the input compromised"},
		{"hold", "dry-run", "false", ""},
		{"migrate", "worker", "  ", ""},
		{"validate", "account-id", "a", ""},
		{"secrets", "worker", "api", ""},
	} {
		_, _, err := parse(nil, lookupIn(map[string]string{"INPUT_COMMAND": one.command, InputName(one.input): one.given}), &bytes.Buffer{})
		if text := fmt.Sprint(err); (err != nil) != (one.want != "") || !strings.Contains(text, one.want) && err != nil {
			t.Errorf("%s with %s %q: %v", one.command, one.input, one.given, err)
		}
	}
}

// The flags of the runbook's promote script, section "promote.mjs Options".
func TestTheRunbooksFlagsAreAllThere(t *testing.T) {
	t.Parallel()
	f, command, err := parse(strings.Fields("--dry-run --stage-only --prod-only --skip-smoke --skip-secrets --skip-migrations --skip-build -v"), lookupIn(nil), &bytes.Buffer{})
	if err != nil || command != "promote" {
		t.Fatal(command, err)
	}
	p := f.Promote
	if !p.DryRun || !p.StageOnly || !p.ProdOnly || !p.SkipSmoke || !p.SkipSecrets || !p.SkipMigrations || !p.SkipBuild || !p.Verbose {
		t.Errorf("%+v", p)
	}
}

func TestChildrenGetNoSecrets(t *testing.T) {
	t.Parallel()
	p := &program{
		lookup: lookupIn(map[string]string{"GOOGLE_CLIENT_ID": "client-id-value"}),
		environ: []string{
			"PATH=/bin", "HOME=/root", "CLOUDFLARE_API_TOKEN=a", "GITHUB_TOKEN=b", "JWT_SECRET=c", "MASTER_KEY=d", "GOOGLE_CLIENT_ID=client-id-value",
			"INPUT_API-TOKEN=e", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=f", "MY_PASSWORD=g", "NPM_TOKEN=h", "NODE_AUTH_TOKEN=i", "EMPTY=",
		},
	}
	p.common.Project = "../../testdata/projects/tminus"
	loaded, _, err := p.load()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PATH=/bin", "HOME=/root", "NPM_TOKEN=h", "NODE_AUTH_TOKEN=i", "EMPTY="}
	if got := p.childEnv(p.secrets(loaded)); !slices.Equal(got, want) {
		t.Errorf("children get %v, want %v", got, want)
	}
	if got := p.redact("x client-id-value y"); got != "x *** y" {
		t.Errorf("printed as %q", got)
	}
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := program{args: []string{"promote", "--help"}, lookup: lookupIn(nil), out: &out, err: &out}
	if code := p.main(context.Background()); code != 0 || !strings.Contains(out.String(), "--skip-migrations") {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}
