package remedy

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
)

// remedies say what to do about Cloudflare's refusals, by code. Source: the
// runbook's section 6 and the messages that come with the codes.
var remedies = []struct {
	code int
	rule string
	text string // part of the message that must be there, if not empty
	hint string
}{
	{10021, "script-refused", "No such module", `a module is missing in the bundle; for a node builtin add compatibility_flags = ["nodejs_compat"] to the environment's section (error 1101)`},
	{10021, "script-refused", "", "the runtime cannot start this code; read the message, it is the runtime's own (error 1101)"},
	{10027, "script-refused", "", "the script is too large; see what the bundle holds with wrangler deploy --dry-run --outdir"},
	{10041, "missing-store", "", "a KV namespace of that id does not exist; correct the id, or create it with deploy-action provision"},
	{10057, "secret-missing", "", "set the secret with deploy-action secrets, or put it into the environment of this run"},
	{10061, "object-binding", "", "deploy the Worker that hosts the Durable Objects first, and check that script_name carries the environment's suffix"},
	{10063, "no-subdomain", "", "open the Workers page of the dashboard once, so that the account gets its workers.dev subdomain"},
	{10064, "object-class", "", "the new code no longer exports a class that objects exist for; export it, or write a class migration that deletes or renames it"},
	{10070, "object-class", "", "export the class that the migration creates"},
	{10074, "object-class", "", "the class migration does not fit what the account has; compare the tags"},
	{10079, "object-class", "", "somebody has migrated the classes in between; run again"},
	{10123, "object-class", "", "deploy the class migration first"},
	{10020, "route-taken", "", "another Worker has this route; take it from there first"},
	{10144, "object-binding", "", "deploy the Worker that the service binding names first"},
	{10181, "missing-store", "", "the D1 database of that id does not exist; correct the id"},
	{10200, "workflow", "", "the Workflow does not exist"},
	{10208, "workflow", "", "schedules of Workflows need a paid plan"},
	{10215, "secret-order", "", "deploy the newest version first, then set the secret"},
	{10220, "secrets-changed", "", "secrets have changed since that version was active; nothing is forced here"},
	{11004, "consumer-taken", "", "another Worker consumes this queue; a queue has one consumer"},
	{100127, "consumer-settings", "", "correct the consumer's settings; see the limits of Queues: batch size 100, timeout 60 s, retries 100"},
	{100128, "consumer-settings", "", "correct the queue's settings"},
	{100146, "version-unseen", "", "Cloudflare does not see the new version yet; run again"},
	{100402, "object-class", "", "the declared exports do not fit what the account has"},
}

// Explained is For, but what is wrong with the token or the account as a whole comes
// first: why is asked about a denied call, if it is given, and gives nil if nothing is.
func Explained(ctx context.Context, why func(context.Context) error, err error, permission string) error {
	if why != nil && cloudflare.IsDenied(err) && ctx.Err() == nil {
		if found := why(ctx); found != nil {
			return For(found, "Account Settings:Read")
		}
	}
	return For(err, permission)
}

// For turns an error of the account into a finding that says what to do. An
// error that is one already, or that only says that the run was cancelled, stays
// as it is. The permission is what a denied call would have needed.
func For(err error, permission string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[finding.Finding](err); ok {
		return err
	}
	if cloudflare.IsDenied(err) {
		return live.Denied(err, permission)
	}
	for _, r := range remedies {
		if cloudflare.Has(err, r.code) && strings.Contains(err.Error(), r.text) {
			return finding.Errorf(r.rule, finding.Position{}, "%s", err).Hintf("%s", r.hint)
		}
	}
	f := finding.Errorf("cloudflare", finding.Position{}, "%s", err)
	switch e, ok := errors.AsType[*cloudflare.Error](err); {
	case !ok:
		return f.Hintf("Cloudflare could not be reached; check the network, a proxy and CLOUDFLARE_API_BASE_URL if it is set, then run again")
	case e.Status >= 500:
		return f.Hintf("Cloudflare failed, several times over; look at cloudflarestatus.com and run again%s", ray(e))
	default:
		return f.Hintf("look at what Cloudflare says of the call; what was done before is kept or undone as reported")
	}
}

func ray(e *cloudflare.Error) string {
	if e.Ray == "" {
		return ""
	}
	return " (ray " + e.Ray + ")"
}

var where = regexp.MustCompile(`^query database \S+: `)

// Reason is an error without the words that only say where it came from.
func Reason(err error) string { return where.ReplaceAllString(err.Error(), "") }
