package tail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// largest is the largest event that is taken, in bytes. Cloudflare cuts the logs of
// one off at 256 kB.
const largest = 4 << 20

// unsaid is how long a tail is taken to live when Cloudflare does not say, or this
// machine's clock is wrong.
const unsaid = time.Hour

// dial connects to a tail as wrangler does. The address is a secret, which no error
// shows.
func dial(ctx context.Context, address, userAgent string) (*websocket.Conn, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "wss" && !(u.Scheme == "ws" && loopback(u.Hostname())) {
		return nil, errors.New("the address that Cloudflare gave is not encrypted")
	}
	conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPHeader: http.Header{"User-Agent": {userAgent}}, Subprotocols: []string{"trace-v1"},
	})
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			return nil, wrapped.Err
		}
		if res != nil {
			return nil, fmt.Errorf("the socket answered %s", res.Status)
		}
		return nil, errors.New("the socket did not answer as one")
	}
	conn.SetReadLimit(largest)
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"debug":false}`)); err != nil {
		conn.CloseNow()
		return nil, errors.New("the socket closed at once")
	}
	return conn, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// lives is how long a tail is used before another takes its place.
func (l *line) lives() time.Duration {
	left := time.Until(l.tail.Expires.Time)
	if left <= 0 {
		left = unsaid
	}
	return left * 9 / 10
}

// read hands on what comes over the line, and at last how it ended. A socket that does
// not answer when it is asked is taken for dead.
func (l *line) read(ctx context.Context, beat time.Duration, to chan<- heard) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(beat):
			}
			asked, done := context.WithTimeout(ctx, beat)
			err := l.conn.Ping(asked)
			done()
			if err != nil {
				l.conn.CloseNow()
				return
			}
		}
	}()
	for {
		_, raw, err := l.conn.Read(ctx)
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			err = errGoodbye
		} else if err != nil {
			err = ended(err)
		}
		select {
		case to <- heard{from: l, raw: raw, err: err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// ended is the end of a socket in words.
func ended(err error) error {
	if code := websocket.CloseStatus(err); code >= 0 {
		return fmt.Errorf("closed with code %d", code)
	}
	return errors.New("no answer")
}

// end deletes the tail and hangs up, although everything is cancelled. A tail that
// cannot be deleted ends by itself when it expires.
func (l *line) end(ctx context.Context) {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	_ = l.client.DeleteTail(ctx, l.script, l.tail.ID)
	if l.conn != nil {
		l.conn.CloseNow()
	}
}
