package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Parcel is one payload on its way to one hook. N counts all parcels from 1.
type Parcel struct {
	ID            int64
	N             int
	GUID          string
	Event, Action string
	Hook          int64
	Installation  int64
	Redelivery    bool
	Body          []byte // JSON, before it is put into a form
}

// Fate is what the network does to a parcel. The zero value lets it arrive.
type Fate struct {
	Lose       bool          // it never arrives
	LoseAnswer bool          // it arrives, but GitHub never hears so
	Copies     int           // how often it arrives besides the first time
	Delay      time.Duration // it arrives later, behind others that were sent after it
	Hold       bool          // it waits for Release
}

// Delivery is one parcel that was sent, and what came back.
type Delivery struct {
	Parcel
	At       time.Time // when it was sent
	Duration time.Duration
	Status   string // OK, or what went wrong in GitHub's words
	Code     int
	Headers  http.Header // of the request
	Answer   http.Header
	Response string // at most the first 64 KB
}

func (d *Delivery) word() string {
	if d.Status == "OK" {
		return "active"
	}
	return "failed"
}

// guid is the number of an event, made from a count, so that a test sees the same each time.
func (h *Hooks) guid() string {
	sum := sha256.Sum256(strconv.AppendInt([]byte("delivery "), h.Who.NewID(), 10))
	return fmt.Sprintf("%x-%x-11ee-%x-%x", sum[:4], sum[4:6], []byte{0x80 | sum[8]&0x3f, sum[9]}, sum[10:16])
}

// send gives a parcel to the network, behind those sent to the same hook before.
func (h *Hooks) send(hook *Hook, p Parcel) {
	before, done := hook.tail, make(chan struct{})
	hook.tail = done
	h.pending++
	network := h.Network
	go func() {
		var fate Fate
		if network != nil {
			fate = network(p)
		}
		if fate.Hold {
			close(done)
			h.hold(func() { h.deliver(hook, p, fate) })
			return
		}
		if fate.Delay > 0 {
			close(done)
			h.wait(fate.Delay)
		} else {
			defer close(done)
			if before != nil {
				<-before
			}
		}
		h.deliver(hook, p, fate)
	}()
}

func (h *Hooks) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.stop:
	}
}

func (h *Hooks) hold(f func()) {
	h.Lock.Lock()
	defer h.Lock.Unlock()
	h.pending--
	h.held = append(h.held, f)
}

// Release lets the held parcels go, the last first, one after another.
func (h *Hooks) Release() {
	h.Lock.Lock()
	held := h.held
	h.held = nil
	h.pending += len(held)
	h.Lock.Unlock()
	for i := range held {
		held[len(held)-1-i]()
	}
}

// deliver makes one delivery and writes it down.
func (h *Hooks) deliver(hook *Hook, p Parcel, fate Fate) {
	h.Lock.Lock()
	d := &Delivery{Parcel: p, At: h.Who.Now()}
	timeout := h.Timeout
	h.Lock.Unlock()
	if timeout == 0 {
		timeout = Timeout
	}
	began := time.Now()
	body, headers := h.dress(hook, p)
	d.Headers = headers
	for range 1 + max(fate.Copies, 0) {
		if !fate.Lose {
			h.post(d, hook.URL, body, timeout)
		}
	}
	switch {
	case fate.Lose:
		d.Code, d.Status = http.StatusBadGateway, "failed to connect to host"
	case fate.LoseAnswer:
		d.Code, d.Status, d.Answer, d.Response = http.StatusGatewayTimeout, "timed out", nil, ""
	}
	d.Duration = time.Since(began)
	h.Lock.Lock()
	defer h.Lock.Unlock()
	h.Deliveries = append(h.Deliveries, d)
	hook.last = d
	h.pending--
}

// post sends the request and reads the answer.
func (h *Hooks) post(d *Delivery, to string, body []byte, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	go func() {
		select {
		case <-h.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		d.Code, d.Status = http.StatusBadGateway, "invalid URL"
		return
	}
	req.Header = d.Headers.Clone()
	resp, err := h.client.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		d.Code, d.Status = http.StatusGatewayTimeout, "timed out"
		return
	case err != nil:
		d.Code, d.Status = http.StatusBadGateway, "failed to connect to host"
		return
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or not worth it
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	d.Code, d.Answer, d.Response, d.Status = resp.StatusCode, resp.Header, string(answer), "OK"
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		d.Status = fmt.Sprintf("Invalid HTTP Response: %d", resp.StatusCode)
	}
}

// dress makes the body and the headers of a parcel.
func (h *Hooks) dress(k *Hook, p Parcel) ([]byte, http.Header) {
	target, of, kind := "repository", h.Repo.ID, "application/json"
	body := p.Body
	if k.Form {
		kind = "application/x-www-form-urlencoded"
		body = []byte(url.Values{"payload": {string(p.Body)}}.Encode())
	}
	head := http.Header{}
	head.Set("Content-Type", kind)
	head.Set("Accept", "*/*")
	head.Set("User-Agent", "GitHub-Hookshot/fa4e0de")
	head.Set("X-GitHub-Event", p.Event)
	head.Set("X-GitHub-Delivery", p.GUID)
	head.Set("X-GitHub-Hook-ID", strconv.FormatInt(k.ID, 10))
	if k.App != nil {
		target, of = "integration", k.App.ID
	}
	head.Set("X-GitHub-Hook-Installation-Target-ID", strconv.FormatInt(of, 10))
	head.Set("X-GitHub-Hook-Installation-Target-Type", target)
	if k.Secret != "" {
		head.Set("X-Hub-Signature-256", "sha256="+Sign256(k.Secret, body))
		m := hmac.New(sha1.New, []byte(k.Secret))
		m.Write(body)
		head.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(m.Sum(nil)))
	}
	return body, head
}

// Sign256 is the hexadecimal HMAC-SHA256 of a body.
func Sign256(secret string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// Redeliver sends a delivery's payload again: the same GUID under a new number.
func (h *Hooks) Redeliver(hook *Hook, d *Delivery) {
	p := d.Parcel
	p.ID, p.Redelivery = h.Who.NewID(), true
	h.sent++
	p.N = h.sent
	h.send(hook, p)
}

// Settle waits until everything that was sent has been answered. Held parcels do not count.
func (h *Hooks) Settle(ctx context.Context) error {
	for {
		h.Lock.Lock()
		pending := h.pending
		h.Lock.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d deliveries are under way: %w", pending, context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
}

// Close gives up what is under way and waits for its end.
func (h *Hooks) Close() {
	h.once.Do(func() { close(h.stop) })
	_ = h.Settle(context.Background()) // which ends, because every wait is cut
}
