package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/doctor"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

type doctorFlags struct {
	commonFlags
	accountFlags
	Resolve []string `placeholder:"HOST:PORT:ADDR" sep:"none" help:"Where a host is, as curl has it; repeatable. The resolver is not asked about it."`
	Cacert  string   `placeholder:"FILE" help:"A PEM bundle of authorities in place of the system's, as curl has it."`
	Env     string   `placeholder:"NAME" help:"staging, production or all; all is the default."`
	Worker  []string `placeholder:"NAME" help:"Ask about this Worker only; repeatable."`
	Smoke   bool     `help:"Run the smoke test too, which registers a user."`
}

// doctorCommand is the command doctor. It changes nothing, unless the smoke test is
// asked for, which registers a user.
func (p *program) doctorCommand(ctx context.Context, f doctorFlags) (pipeline.Verdict, error) {
	d, err := p.doctor(ctx, f)
	if err != nil {
		return pipeline.Pending, err
	}
	answers := &doctor.Answers{}
	plan, watching := pipeline.Plan{Steps: d.Steps()}, report.Redacted{To: answers, Redact: p.redact}
	var verdict pipeline.Verdict
	if p.quiet() {
		verdict, err = plan.Run(ctx, watching)
	} else {
		verdict, err = p.run(ctx, plan, watching)
	}
	if err != nil && verdict == pipeline.Pending {
		return verdict, err
	}
	return verdict, errors.Join(err, p.writeAnswers(answers.All, d.History(p.lines())))
}

// doctor is what the command asks with. An account that is not named is an answer of
// its own: the files can be looked at without one.
func (p *program) doctor(ctx context.Context, f doctorFlags) (*doctor.Doctor, error) {
	loaded, dir, all, err := p.open(f.Env)
	if err != nil {
		return nil, err
	}
	d := &doctor.Doctor{Project: loaded, Dir: dir, Smoke: f.Smoke, Redact: p.redact, Recorded: map[string]release.Manifest{}, Names: names(f.Resolve)}
	d.Account.Clock = &cloudflare.Clock{}
	d.Account.Client, d.Account.ID, d.Account.Missing = p.clientOver(f.accountFlags, all, d.Account.Clock)
	if d.Probe, err = p.prober(probeFlags{Resolve: f.Resolve, Cacert: f.Cacert}); err != nil {
		return nil, err
	}
	d.Names.Around = d.Probe.RoundDNS
	for _, t := range all {
		narrow, err := t.Only(f.Worker...)
		if err != nil {
			return nil, err
		}
		d.Targets = append(d.Targets, narrow)
		p.lastRecorded(ctx, dir, t, d.Recorded)
	}
	return d, nil
}

// lastRecorded finds the last release that was recorded: by GitHub, else in the
// workspace. Without a record, what serves is compared with none.
func (p *program) lastRecorded(ctx context.Context, dir string, t project.Target, into map[string]release.Manifest) {
	if m, err := (release.Folder{Dir: filepath.Join(dir, ".deploy-action", "releases")}).Read(t.Env); err == nil {
		into[t.Env] = m
	}
	if p.face == nil || p.face.client == nil {
		return
	}
	if all, err := deployment.Records(ctx, p.face.client, t.Env); err == nil {
		if from, _, err := deployment.Back(all, ""); err == nil && from != nil {
			into[t.Env] = *from
		}
	}
}

// names looks names up with the system's resolver, but for those whose place the user
// says.
func names(resolve []string) doctor.Names {
	var pinned []string
	for _, text := range resolve {
		if r, err := probe.ParseResolve(text); err == nil {
			pinned = append(pinned, r.Host)
		}
	}
	return doctor.Names{
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Pinned: func(host string) bool { return slices.Contains(pinned, host) || slices.Contains(pinned, "*") },
	}
}

// lines is how many deployments of each script are shown.
func (p *program) lines() int {
	if p.common.Verbose {
		return 10
	}
	return 3
}

// writeAnswers writes the board: every question with its answer, what is wrong with
// place and remedy, and the last deployments. A job's log has had the questions already.
func (p *program) writeAnswers(all []doctor.Answer, history []doctor.Deployment) error {
	if p.common.Format == "json" {
		for _, a := range all {
			if err := report.WriteJSON(p.out, "answer", a); err != nil {
				return err
			}
		}
		for _, d := range history {
			if err := report.WriteJSON(p.out, "deployment", d); err != nil {
				return err
			}
		}
		return nil
	}
	if p.quiet() {
		writeBoard(p.out, all)
	}
	if err := p.writeHistory(history); err != nil {
		return err
	}
	count := map[doctor.Mark]int{}
	for _, a := range all {
		count[a.Mark]++
	}
	fmt.Fprintf(p.out, "\n%d questions: %d well, %d to look at, %d broken, %d not known\n",
		len(all), count[doctor.Well], count[doctor.Look], count[doctor.Broken], count[doctor.Unknown])
	return nil
}

// quiet tells whether the board alone is shown, and not each stage as it goes.
func (p *program) quiet() bool {
	return p.common.Format == "text" && !p.common.Verbose && p.face == nil
}

var signs = map[doctor.Mark]string{doctor.Well: "✓", doctor.Look: "!", doctor.Broken: "✗", doctor.Unknown: "○"}

func writeBoard(w io.Writer, all []doctor.Answer) {
	widest := map[string]int{}
	for _, a := range all {
		widest[a.Topic] = max(widest[a.Topic], len(a.Question))
	}
	topic := ""
	for _, a := range all {
		if a.Topic != topic {
			topic = a.Topic
			fmt.Fprintf(w, "\n%s\n", topic)
		}
		evidence := a.Evidence
		if len(a.Findings) > 0 {
			evidence = string(a.Mark)
		}
		fmt.Fprintf(w, "  %s %-*s  %s\n", signs[a.Mark], widest[topic], a.Question, evidence)
		for _, f := range a.Findings {
			fmt.Fprintf(w, "      %s\n", strings.TrimSpace(f.At.String()+" "+f.Message))
			if f.Hint != "" {
				fmt.Fprintf(w, "      → %s\n", f.Hint)
			}
		}
	}
}

func (p *program) writeHistory(all []doctor.Deployment) error {
	if len(all) == 0 {
		return nil
	}
	fmt.Fprintln(p.out, "\nLast deployments")
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  SCRIPT\tWHEN\tVERSION\tRELEASE\tBY")
	for _, d := range all {
		var versions []string
		for _, v := range d.Versions {
			text := release.Brief(v.Version)
			if v.Percent != 100 {
				text += fmt.Sprintf(" %g%%", v.Percent)
			}
			versions = append(versions, text)
		}
		name := d.Script
		if !d.Serving {
			name = ""
		}
		from := cmp.Or(d.Release, "not of this tool")
		if d.Release == "" && d.Trigger == "secret" {
			from = "secrets were set"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", name, finding.When(d.When), strings.Join(versions, ", "), from, p.redact(d.By))
	}
	return w.Flush()
}
