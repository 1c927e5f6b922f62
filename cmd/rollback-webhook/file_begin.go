package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tminus/deploy-action/runner/finding"
)

// configure reads the configuration from the command line, variables and a file. The
// error has everything that is wrong with their form. Whether what they say is complete
// is for check to say, when there are origins.
func configure(args []string, lookup func(string) (string, bool)) (config, error) {
	var c config
	k, err := parser(&c)
	if err != nil {
		return c, err
	}
	read := &settings{values: map[string]any{}}
	var errs []error
	if file := fileOf(args, lookup); file != "" {
		if read, err = readSettings(file, k.Model.Flags); err != nil {
			errs = append(errs, finding.From(err, "config", finding.Position{})[0])
		}
		for _, f := range read.Errors {
			errs = append(errs, f)
		}
	}
	wrong := variables(lookup)
	errs = append(errs, wrong...)
	if k, err = parser(&c, kong.Resolvers(read.resolver(lookup))); err != nil {
		return c, err
	}
	context, err := k.Parse(args)
	if err != nil && len(wrong) == 0 { // else it says again what is wrong with a variable
		errs = append(errs, err)
	}
	if err == nil && read.values != nil {
		c.origins = origins(k, context, lookup)
	}
	v := &vault{lookup: lookup, from: map[string]string{}}
	c.tokens, c.destinations = v.tokens(), v.destinations(read.notify)
	if url := v.value("DATABASE_URL"); url != "" && c.origins["database"] != "flag" {
		c.Database = url
	}
	for name, from := range v.from {
		if c.origins != nil {
			c.origins[name] = from
		}
	}
	return c, errors.Join(append(errs, v.errs...)...)
}

func parser(c *config, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(options, kong.Name("rollback-webhook"), kong.Vars{"version": version}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("Takes a release back when its deployment on GitHub fails."))...)
}

// fileOf is the configuration file that is named: it has to be read before the other
// flags are.
func fileOf(args []string, lookup func(string) (string, bool)) string {
	file, _ := lookup("CONFIG")
	for i, arg := range args {
		switch {
		case arg == "--":
			return file
		case arg == "--config" && i+1 < len(args):
			file = args[i+1]
		case strings.HasPrefix(arg, "--config="):
			file = strings.TrimPrefix(arg, "--config=")
		}
	}
	return file
}

// variables says which variables are not of their flag's kind, all of them: the parser
// would name one. It does not show their values.
func variables(lookup func(string) (string, bool)) []error {
	k, err := parser(&config{})
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, f := range k.Model.Flags {
		name, ok := variableOf(f, lookup)
		if !ok {
			continue
		}
		value, _ := lookup(name)
		if !fits(f, kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value}), value) {
			errs = append(errs, fmt.Errorf("%s is not %s", name, kindOf(f)))
		}
	}
	return errs
}

// origins say where each setting was read.
func origins(k *kong.Kong, context *kong.Context, lookup func(string) (string, bool)) map[string]string {
	from := map[string]string{}
	for _, f := range k.Model.Flags {
		if name, ok := variableOf(f, lookup); ok {
			from[f.Name] = "variable " + name
		}
	}
	for _, p := range context.Path {
		switch {
		case p.Flag == nil:
		case p.Resolved:
			from[p.Flag.Name] = "file"
		default:
			from[p.Flag.Name] = "flag"
		}
	}
	return from
}
