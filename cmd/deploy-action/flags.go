package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// flags are all commands and their flags. Each flag is also read from
// INPUT_<NAME>, in capitals and with its hyphens, as GitHub passes inputs to an
// action; the command from INPUT_COMMAND.
type flags struct {
	Promote   promoteFlags     `cmd:"" default:"withargs" help:"Promote through the nine gates: build, then migrate, deploy, health and smoke on staging, then on production. This is the default."`
	Plan      planFlags        `cmd:"" help:"Show what promote would change now, and change nothing."`
	Check     checkFlags       `cmd:"" help:"Say what is wrong with the configuration, the code and the account, and change nothing."`
	Migrate   migrateFlags     `cmd:"" help:"Apply pending D1 migrations."`
	Provision provisionFlags   `cmd:"" help:"Make the databases, namespaces, buckets and queues that the configuration names, and write their ids over the placeholders."`
	DNS       dnsFlags         `cmd:"" name:"dns" help:"Bring the host names of the routes to Cloudflare, each by a proxied record."`
	Validate  validateFlags    `cmd:"" help:"Ask every HTTP Worker for its health."`
	Smoke     smokeFlags       `cmd:"" help:"Run the smoke test: health, refused without login, register, login, answered with login."`
	Version   kong.VersionFlag `help:"Print the version of the program."`

	Compensate compensateFlags `cmd:"" help:"Write the migration that takes another one back, and prove it first; apply nothing."`

	Rollback    rollbackFlags `cmd:"" help:"Bring an environment back to the last release that passed its gates, or to another one, by recorded versions."`
	Hold        holdFlags     `cmd:"" help:"Keep every release out of an environment until the hold is lifted."`
	ReleaseHold holdFlags     `cmd:"" help:"Let an environment have again what it was taken back from, or was held against."`
	Doctor      doctorFlags   `cmd:"" help:"Ask the runbook's troubleshooting questions of the files, the account and the live Workers, and change nothing."`
	Secrets     secretsFlags  `cmd:"" help:"Put up the secrets that differ from the values known here, or show how they stand."`
	Rotate      rotateFlags   `cmd:"" help:"Give secrets new values on every Worker that shares them, as one release that is verified and taken back if it is not well."`
	Status      statusFlags   `cmd:"" help:"Show which version serves where, since when, and from which release."`
	Logs        logsFlags     `cmd:"" help:"Follow what Workers do while they do it, with exceptions led back to their TypeScript lines."`
}

// commonFlags belong to every command.
type commonFlags struct {
	Project   string `default:"." placeholder:"DIR" help:"The repository's directory."`
	Format    string `enum:"text,json" default:"text" help:"text for people, json for one JSON object a line."`
	Verbose   bool   `short:"v" help:"Show the progress of every task and all notices."`
	CheckName string `placeholder:"NAME" help:"What the names of check runs begin with; the command when not given."`
	Config    string `placeholder:"FOLDERS" help:"Folders or wrangler files of the Workers, separated by commas, in place of workers/* and those of tminus.yaml."`
}

// accountFlags belong to commands that ask the account.
type accountFlags struct {
	AccountID string `placeholder:"ID" help:"The Cloudflare account; CLOUDFLARE_ACCOUNT_ID when not given."`
}

// probeFlags belong to commands that ask Workers.
type probeFlags struct {
	Resolve       []string      `placeholder:"HOST:PORT:ADDR" sep:"none" help:"Where a host is, as curl has it; repeatable. ADDR may carry a port of its own."`
	Cacert        string        `placeholder:"FILE" help:"A PEM bundle of authorities in place of the system's, as curl has it."`
	HealthTimeout time.Duration `placeholder:"TIME" help:"How long a Worker may take to become healthy, such as 90s; 60s or tminus.yaml when not given."`
}

type promoteFlags struct {
	commonFlags
	accountFlags
	probeFlags
	valueFlags
	Env             string        `placeholder:"NAME" help:"staging, production or all; all is the default."`
	DryRun          bool          `help:"Print the plan and change nothing."`
	StageOnly       bool          `help:"Deploy to staging only."`
	ProdOnly        bool          `help:"Deploy to production only, when staging has been verified already."`
	SkipSmoke       bool          `help:"Leave the smoke tests out. Health checks still run."`
	SkipSecrets     bool          `help:"Leave secrets as they are on the account."`
	SkipMigrations  bool          `help:"Leave the D1 migrations out."`
	SkipBuild       bool          `help:"Leave install and build command out. Workers are still bundled."`
	Worker          []string      `placeholder:"NAME" help:"Deploy this Worker only, and validate everything afterwards; repeatable."`
	Bundler         string        `enum:"auto,esbuild,wrangler" default:"auto" help:"Who bundles: esbuild in this process, the project's wrangler, or whichever can."`
	Plan            string        `placeholder:"DIGEST" help:"Change an environment only if it is as the plan of this digest saw it."`
	Concurrency     int           `default:"4" help:"How many tasks of a stage run at once."`
	Stages          string        `placeholder:"STAGES" help:"Run these stages only, such as build..smoke-staging; another job runs the others."`
	ReleaseDir      string        `placeholder:"DIR" help:"The folder in which a release travels from one job to the next."`
	Lock            string        `enum:"wait,refuse" default:"wait" help:"What to do while another release of an environment is under way, as its GitHub deployment says."`
	LockTimeout     time.Duration `default:"30m" placeholder:"TIME" help:"How long to wait for it."`
	OnFailure       string        `enum:"rollback,stop" default:"rollback" help:"What to do when a gate closes behind the traffic of an environment, as far as the policy of tminus.yaml has it rolled back."`
	RemoveWorkflows bool          `help:"Delete Workflows that the configuration no longer has, with their instances."`
}

type planFlags struct {
	commonFlags
	accountFlags
	valueFlags
	Env             string   `placeholder:"NAME" help:"staging, production or all; all is the default."`
	SkipSecrets     bool     `help:"Plan a promotion that leaves secrets as they are on the account."`
	SkipBuild       bool     `help:"Leave install and build command out. Workers are still bundled."`
	Worker          []string `placeholder:"NAME" help:"Plan for this Worker only; repeatable."`
	Bundler         string   `enum:"auto,esbuild,wrangler" default:"auto" help:"Who bundles: esbuild in this process, the project's wrangler, or whichever can."`
	RemoveWorkflows bool     `help:"Plan a promotion that deletes Workflows that the configuration no longer has."`
}

type checkFlags struct {
	commonFlags
	accountFlags
	Env string `placeholder:"NAME" help:"staging, production or all; all is the default."`
}

type validateFlags struct {
	commonFlags
	probeFlags
	Env string `default:"production" placeholder:"NAME" help:"staging, production or all."`
}

type smokeFlags struct {
	commonFlags
	probeFlags
	Env string `default:"production" placeholder:"NAME" help:"staging, production or all."`
}

type statusFlags struct {
	commonFlags
	accountFlags
	Env string `placeholder:"NAME" help:"staging, production or all; all is the default."`
}

// parse reads arguments and inputs. It gives the name of the command, empty when
// only help was asked for.
func parse(args []string, lookup func(string) (string, bool), out io.Writer) (*flags, string, error) {
	var f flags
	helped := false
	k, err := kong.New(&f,
		kong.Name("deploy-action"),
		kong.Description("Promotes a monorepo of Cloudflare Workers through gated stages. Without a command it promotes.\n\nThe account is named by CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID. Exit codes: 0 passed, 1 a gate closed, 2 could not begin, 130 interrupted."),
		kong.Writers(out, out),
		kong.Vars{"version": version},
		kong.Exit(func(int) { helped = true }),
		kong.UsageOnError(),
		kong.Resolvers(inputs(lookup)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return nil, "", err
	}
	if len(args) == 0 {
		if command, ok := lookup("INPUT_COMMAND"); ok && strings.TrimSpace(command) != "" {
			args = []string{strings.TrimSpace(command)}
		}
	}
	c, err := k.Parse(args)
	if helped {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w; deploy-action --help shows what there is", err)
	}
	command := strings.Fields(c.Command())[0]
	if err := foreign(k, c, command, lookup); err != nil {
		return nil, "", err
	}
	return &f, command, nil
}

// foreign refuses inputs that the command does not have: somebody who asks for a dry
// run, or for one Worker, must not get something else. GitHub itself hands the action
// every input that it has. Which account is meant may be said of every command, and
// what is false asks for nothing.
func foreign(k *kong.Kong, c *kong.Context, command string, lookup func(string) (string, bool)) error {
	taken := map[string]bool{InputName("account-id"): true}
	for _, flag := range c.Flags() {
		taken[InputName(flag.Name)] = true
	}
	for _, other := range k.Model.Children {
		for _, flag := range other.Flags {
			input := InputName(flag.Name)
			given, _ := lookup(input)
			if given = strings.TrimSpace(given); taken[input] || given == "" || given == "false" {
				continue
			}
			return fmt.Errorf("the command %s does not have the input %s; leave it out, or ask for another command; deploy-action %s --help shows what it takes", command, flag.Name, command)
		}
	}
	return nil
}

// inputs reads flags from an action's inputs. An input that is not set arrives as
// an empty text. Lists are separated by commas or line ends.
func inputs(lookup func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		v, ok := lookup(InputName(flag.Name))
		v = strings.TrimSpace(v)
		if !ok || v == "" {
			return nil, nil
		}
		if !flag.IsSlice() {
			return v, nil
		}
		var list []any
		for _, item := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\n' }) {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		return list, nil
	})
}

// InputName is the variable in which GitHub passes an input: capitals, spaces as
// underscores, hyphens kept.
func InputName(flag string) string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(flag, " ", "_"))
}
