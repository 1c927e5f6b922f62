package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"text/tabwriter"
	"time"
)

// answer is what a Worker of production says of itself when it is asked.
type answer struct {
	host, status, version string
}

// goodRelease promotes the project as it is, so that production serves something
// good, and asks its Workers.
func (w *world) goodRelease(ctx context.Context, binary string) ([]answer, error) {
	fmt.Println("first, a good release goes to staging and production")
	if out, err := w.deployAction(ctx, binary, "promote").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the good release: %w\n%s", err, out)
	}
	return w.asked()
}

// asked asks every HTTP Worker of production over https.
func (w *world) asked() ([]answer, error) {
	t, err := w.loaded.In("production")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(w.CA) {
		return nil, errors.New("the authority of the sandbox has no certificate")
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, w.Edge)
		},
	}}
	var all []answer
	for _, e := range t.Endpoints {
		one := answer{host: e.Host}
		res, err := client.Get("https://" + e.Host + "/health")
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		res.Body.Close()
		if err != nil {
			return nil, err
		}
		var body struct {
			Data struct{ Status, Version string }
		}
		if json.Unmarshal(raw, &body) == nil {
			one.version = body.Data.Version
		}
		one.status = fmt.Sprintf("%d %s", res.StatusCode, body.Data.Status)
		all = append(all, one)
	}
	return all, nil
}

// compare asks the Workers again and shows what they said before and say now.
func (w *world) compare(before []answer) error {
	after, err := w.asked()
	if err != nil {
		return err
	}
	fmt.Println("\nThe Workers of production, asked themselves:")
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HOST\tBEFORE\tNOW\t")
	same := true
	for i, a := range after {
		note := "the same version"
		if a.version != before[i].version {
			same, note = false, "ANOTHER VERSION"
		}
		fmt.Fprintf(t, "%s\t%s\t%s, %s\t%s\n", a.host, before[i].version, a.version, a.status, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if same {
		fmt.Println("production answers from the versions of before")
	}
	return nil
}
