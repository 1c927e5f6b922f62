package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tminus/deploy-action/checks/notice"
)

// show says what was understood, and where each setting was read. Of secrets it says
// whether they are set.
func (c config) show(to io.Writer) {
	redact := c.redactor().Redact
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	k, err := parser(&c) // for its flags, which stand for the fields of c
	if err != nil {
		return
	}
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, f := range k.Model.Flags {
		if slices.Contains(atStart, f.Name) {
			continue
		}
		value := fmt.Sprint(f.Target.Interface())
		if list, ok := f.Target.Interface().([]string); ok {
			value = strings.Join(list, " ")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, cmp.Or(redact(value), "-"), cmp.Or(c.origins[f.Name], "default"))
	}
	for _, name := range secretNames {
		is := "not set"
		if c.origins[name] != "" {
			is = "set"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, is, cmp.Or(c.origins[name], "-"))
	}
	for _, d := range c.destinations {
		fmt.Fprintf(w, "notify\t%s\tset\n", d)
	}
	w.Flush()
	for _, doubt := range c.doubts() {
		fmt.Fprintln(to, "warning:", doubt)
	}
	fmt.Fprintln(to, "the configuration is complete")
}

// doubts are what is allowed and may not be meant.
func (c config) doubts() []string {
	var all []string
	doubt := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	at := net.ParseIP(host)
	open := host == "" || at != nil && !at.IsLoopback()
	doubt(open && c.Metrics == "", "%s is open to others, and so is /metrics: give --metrics-listen with an address of your own network", c.Listen)
	doubt(open && !c.Page.Private, "%s is open to others, and everybody who reaches it may read the status page: give --private, or put a sign-in in front of it", c.Listen)
	doubt(c.tokens.previous != "" && c.tokens.previous != c.tokens.secret, "WEBHOOK_SECRET_PREVIOUS is still set: remove it when GitHub signs with the new secret")
	doubt(c.tokens.previous != "" && c.tokens.previous == c.tokens.secret, "WEBHOOK_SECRET_PREVIOUS is the same as WEBHOOK_SECRET: remove it")
	doubt(len(c.tokens.keys) > 1, "PAYLOAD_KEY_PREVIOUS is still set: remove it when no release that it signed can fail any more")
	doubt(c.App != 0 && c.tokens.github != "", "GITHUB_TOKEN is not used, because the server is a GitHub App: remove it")
	doubt(plainly(c.GitHubAPI), "--github-api-url is not encrypted: whoever listens learns the token")
	doubt(plainly(c.PublicURL), "--public-url is not encrypted: GitHub would send its deliveries in the open")
	doubt(plainly(c.tokens.base), "CLOUDFLARE_API_BASE_URL is not encrypted: whoever listens learns the token")
	doubt(len(c.destinations) == 0, "nobody is notified: set SLACK_WEBHOOK_URL, or notify in the configuration file")
	for _, d := range c.destinations {
		doubt(d.Insecure, "notify %s is not encrypted: whoever listens reads the news and may write there", d.Name)
	}
	for _, login := range c.Creator {
		doubt(!strings.HasSuffix(login, "[bot]"), "--creator %s is a person: whoever has that account has releases taken back", login)
	}
	return all
}

// plainly tells whether an address leads elsewhere without encryption.
func plainly(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	at := net.ParseIP(u.Hostname())
	return at == nil || !at.IsLoopback()
}

// sendTest notifies everybody that this is a test.
func (c config) sendTest(ctx context.Context, to io.Writer) int {
	code := 0
	if len(c.destinations) == 0 {
		fmt.Fprintln(to, "nobody is to be notified: set SLACK_WEBHOOK_URL, or notify in the configuration file")
		code = 2
	}
	for _, d := range c.destinations {
		m, err := notice.New(d, userAgent)
		if err == nil {
			now := time.Now()
			err = m.Send(ctx, notice.News{
				ID: notice.ID("test " + now.String()), Kind: notice.Test, Title: "This is a test", At: now.UTC(),
				Text: "Somebody tries whether news of the rollback server arrive here. Nothing has happened.",
			})
		}
		if err != nil {
			fmt.Fprintln(to, err)
			code = 2
			continue
		}
		fmt.Fprintf(to, "notify %s: it took the test\n", d.Name)
	}
	return code
}

// health asks the server that runs on this machine whether it is ready. The program does
// that itself because its image holds nothing else.
func (c config) health(ctx context.Context) int {
	host, port, err := net.SplitHostPort(c.Listen)
	switch at := net.ParseIP(host); {
	case err != nil:
		return 1
	case host == "", at != nil && at.IsUnspecified() && at.To4() != nil:
		host = "127.0.0.1"
	case at != nil && at.IsUnspecified():
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return 1
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 1
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}
