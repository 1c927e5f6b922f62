package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// Who follows the page does not keep the server from stopping.
func TestAStopEndsWhatIsFollowed(t *testing.T) {
	t.Parallel()
	c := complete()
	c.Listen, c.Database, c.GitHubAPI = "127.0.0.1:0", filepath.Join(t.TempDir(), "db"), "http://127.0.0.1:1"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- newServer(c, slog.New(slog.DiscardHandler)).serve(ctx, func(a string) { address <- a })
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+<-address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	defer res.Body.Close()
	began := time.Now()
	stop()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream is cut: %v", err)
	}
	select {
	case err = <-ended:
	case <-time.After(draining):
	}
	if took := time.Since(began); err != nil || took > 12*time.Second {
		t.Errorf("it stopped after %s: %v", took, err)
	}
}
