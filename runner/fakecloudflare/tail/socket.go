package tail

import (
	"io"
	"net"
	"sync"

	"github.com/gobwas/ws"
)

// biggest is the largest frame a client is allowed; it has little to say.
const biggest = 64 << 10

// socket is one client's connection.
type socket struct {
	mu   sync.Mutex // one frame at a time
	conn net.Conn   // nil if it could not be opened
}

func (s *socket) write(frame ws.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return
	}
	_ = ws.WriteFrame(s.conn, frame) // a client that is gone is found out by reading
}

// read answers pings and goodbyes until the client is gone. Frames need not be masked.
func (s *socket) read() {
	defer func() { _ = s.conn.Close() }() // closing twice does no harm
	for {
		header, err := ws.ReadHeader(s.conn)
		if err != nil || header.Length > biggest {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(s.conn, payload); err != nil {
			return
		}
		if header.Masked {
			ws.Cipher(payload, header.Mask, 0)
		}
		switch header.OpCode {
		case ws.OpPing:
			s.write(ws.NewPongFrame(payload))
		case ws.OpClose:
			s.write(ws.NewCloseFrame(payload))
			return
		}
	}
}

// end says goodbye with 1000, after which a client does not come back.
func (s *socket) end() {
	s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close() // the goodbye is sent
	}
}
