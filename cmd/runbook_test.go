package cmd

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the users' runbook has: its make targets, its scripts, the flags of its
// pipeline, and its sections.
var (
	runbookTargets = strings.Fields(`install build deploy deploy-stage deploy-prod deploy-promote-dry-run deploy-d1-migrate deploy-dns
		dns-setup-staging dns-setup-all secrets-setup secrets-setup-production secrets-setup-staging secrets-setup-dry-run
		validate-deployment validate-deployment-staging smoke-test smoke-test-staging check-placeholders`)
	runbookScripts  = strings.Fields("promote.mjs dns-setup.mjs setup-secrets.mjs smoke-test.mjs validate-deployment.sh")
	runbookFlags    = strings.Fields("--dry-run --stage-only --prod-only --skip-smoke --skip-secrets --skip-migrations --skip-build --verbose -v")
	runbookSections = []string{
		"1, Pre-Deployment Checks", "2.1, Create Infrastructure Resources", "2.2, Replace Placeholder IDs", "2.3, Set Up DNS Records",
		"2.4, Set Up GCP Project", "2.5, Deploy Secrets", "2.6, Run D1 Migrations", "3.1, Full Pipeline", "3.2, Worker Deploy Order",
		"3.3, HTTP Workers", "3.4, Dry Run", "3.5, Post-Deployment Validation", "4.1, Deploy a Single Worker", "4.2, Deploy Secrets Only",
		"4.3, Run D1 Migrations Only", "4.4, Deploy DNS Only", "4.5, Staging Only", "4.6, Production Only", "5.1, Worker Rollback",
		"5.2, D1 Migration Rollback", "5.3, Secret Rotation", "6, Error 1101", "6, Durable Object Binding Errors",
		"6, DNS Propagation Delays", "6, Health Check Returns Non-Enriched Format", "6, Smoke Test Auth Flow Fails",
		"6, Viewing Worker Logs", "6, Queue Inspection",
	}
)

// counterpart is a row of the README's table: what the runbook has, and what does it
// here.
type counterpart struct{ runbook, here string }

func counterparts(t *testing.T) []counterpart {
	t.Helper()
	_, rest, ok := strings.Cut(readme(t), "### From the runbook\n")
	if !ok {
		t.Fatal("the README has no table of the runbook")
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var all []counterpart
	for line := range strings.Lines(rest) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 2 && cells[0] != "| runbook" {
			all = append(all, counterpart{strings.TrimPrefix(cells[0], "| "), strings.TrimSuffix(cells[1], " |")})
		}
	}
	return all
}

func TestEveryPartOfTheRunbookHasItsCounterpart(t *testing.T) {
	t.Parallel()
	table := counterparts(t)
	var wanted []string
	for _, name := range runbookTargets {
		wanted = append(wanted, "`make "+name+"`")
	}
	for _, name := range runbookScripts {
		wanted = append(wanted, "`scripts/"+name+"`")
	}
	for _, name := range runbookFlags {
		wanted = append(wanted, "`"+name+"`")
	}
	for _, name := range runbookSections {
		wanted = append(wanted, "section "+name)
	}
	for _, want := range wanted {
		in := 0
		for _, row := range table {
			if slices.Contains(strings.Split(strings.ReplaceAll(row.runbook, "`, ", "`; "), "; "), want) {
				in++
			}
		}
		if in != 1 {
			t.Errorf("%s stands in %d rows of the README's table, want one", want, in)
		}
	}
}

// flagOf are the flags of a command line.
var flagOf = regexp.MustCompile(`--[a-z][a-z-]+`)

func TestEveryCounterpartIsACommandThatThereIs(t *testing.T) {
	t.Parallel()
	commands, flags := commandNames(t), flagNames(t)
	for _, row := range counterparts(t) {
		if !strings.Contains(row.here, "`deploy-action ") && !strings.Contains(row.here, "by hand, at ") && !strings.Contains(row.here, "by every command") {
			t.Errorf("%s has no counterpart: %s", row.runbook, row.here)
		}
		for _, line := range strings.Split(row.here, "`") {
			words := strings.Fields(line)
			if len(words) > 1 && words[0] == "deploy-action" && !slices.Contains(commands, words[1]) {
				t.Errorf("%s: there is no command %s", row.runbook, words[1])
			}
			for _, flag := range flagOf.FindAllString(line, -1) {
				if !flags[flag] {
					t.Errorf("%s: there is no flag %s", row.runbook, flag)
				}
			}
		}
	}
}
