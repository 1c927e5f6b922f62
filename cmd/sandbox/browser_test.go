package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// browser is a page in headless Chromium, spoken to by the DevTools protocol. Source:
// chromedevtools.github.io/devtools-protocol.
type browser struct {
	ctx     context.Context
	conn    net.Conn
	last    int
	session string
	errors  []string // what the page's console complained about
}

// chromium is the program, empty if it is not on this machine.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// openBrowser starts Chromium with an empty profile. Without one on the machine a
// test is skipped, except where it must not be, as in CI.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := chromium()
	if path == "" && os.Getenv("WANT_CHROMIUM") != "" {
		t.Fatal("there is no Chromium, and WANT_CHROMIUM is set: apt-get install -y chromium")
	}
	if path == "" {
		t.Skip("there is no Chromium: apt-get install -y chromium")
	}
	b, end, err := launch(t.Context(), path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return b
}

// launch starts Chromium and opens an empty page.
func launch(ctx context.Context, path, profile string) (*browser, func(), error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
		"--disable-background-networking", "--remote-debugging-port=0", "--user-data-dir="+profile, "about:blank")
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	end := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	var address string
	for range 200 {
		raw, err := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		if port, path, ok := strings.Cut(string(raw), "\n"); err == nil && ok && path != "" {
			address = "ws://127.0.0.1:" + port + strings.TrimSpace(path)
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if address == "" {
		end()
		return nil, nil, fmt.Errorf("%s does not listen", path)
	}
	conn, _, _, err := ws.Dial(ctx, address)
	if err != nil {
		end()
		return nil, nil, err
	}
	b := &browser{ctx: ctx, conn: conn}
	var made struct{ TargetID string }
	var attached struct{ SessionID string }
	err = b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	if err == nil {
		err = b.call("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &attached)
	}
	if b.session = attached.SessionID; err == nil {
		err = b.call("Page.enable", nil, nil)
	}
	if err == nil {
		err = b.call("Log.enable", nil, nil)
	}
	if err == nil {
		err = b.call("Runtime.enable", nil, nil)
	}
	return b, func() { conn.Close(); end() }, err
}

// call makes one call and waits for its answer.
func (b *browser) call(method string, params, into any) error {
	b.last++
	if params == nil {
		params = map[string]any{}
	}
	ask := map[string]any{"id": b.last, "method": method, "params": params}
	if b.session != "" {
		ask["sessionId"] = b.session
	}
	raw, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	if err := wsutil.WriteClientText(b.conn, raw); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for b.ctx.Err() == nil {
		raw, err := wsutil.ReadServerText(b.conn)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		var m struct {
			ID     int
			Method string
			Result json.RawMessage
			Params struct {
				Entry            struct{ Level, Text, URL string }
				ExceptionDetails struct{ Text string }
			}
			Error *struct{ Message string }
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		switch {
		case m.Method == "Log.entryAdded" && m.Params.Entry.Level == "error":
			b.errors = append(b.errors, m.Params.Entry.Text+" "+m.Params.Entry.URL)
		case m.Method == "Runtime.exceptionThrown":
			b.errors = append(b.errors, m.Params.ExceptionDetails.Text)
		case m.ID == b.last && m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case m.ID == b.last && into != nil:
			return json.Unmarshal(m.Result, into)
		case m.ID == b.last:
			return nil
		}
	}
	return b.ctx.Err()
}

// screen makes the page's window so wide, and light or dark.
func (b *browser) screen(width int, dark bool) error {
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	err := b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	if err != nil {
		return err
	}
	return b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// visit goes to an address and waits until the page is there, and not the one before.
func (b *browser) visit(address string) error {
	if _, err := b.eval(`window.before = true`); err != nil {
		return err
	}
	if err := b.call("Page.navigate", map[string]any{"url": address}, nil); err != nil {
		return err
	}
	return b.until(`!window.before && document.readyState === "complete"`)
}

// until waits until an expression is true on the page.
func (b *browser) until(expression string) error {
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is, err := b.eval(expression); err == nil && is == true {
			return nil
		}
	}
	return fmt.Errorf("on the page it does not become true: %s", expression)
}

// eval is the value of an expression on the page.
func (b *browser) eval(expression string) (any, error) {
	var got struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	err := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &got)
	if err == nil && got.ExceptionDetails != nil {
		err = fmt.Errorf("%s: %s", expression, got.ExceptionDetails.Exception.Description)
	}
	return got.Result.Value, err
}

// picture is the page, whole, as a PNG in a file.
func (b *browser) picture(path string) error {
	var got struct{ Data string }
	if err := b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "fromSurface": true}, &got); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(got.Data)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}
