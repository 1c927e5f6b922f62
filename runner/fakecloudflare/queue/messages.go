package queue

import (
	"encoding/base64"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Message is one message as it is handed over. Body is in base64 whatever its type.
type Message struct {
	ID          string `json:"id"`
	Timestamp   int64  `json:"timestamp"` // milliseconds since 1970
	Attempts    int    `json:"attempts"`
	ContentType string `json:"contentType"` // json, text, bytes or v8
	Body        string `json:"body"`
}

type message struct {
	Message
	bytes   int
	visible time.Time // not before
}

// incoming is a message as the runtime sends it in a batch.
type incoming struct {
	Body  string `json:"body"`
	Type  string `json:"contentType"`
	Delay *int   `json:"delaySecs"`
}

// Limits of the platform, see https://developers.cloudflare.com/queues/platform/limits/.
const (
	largestMessage = 128 * 1000
	largestBatch   = 100
)

// enqueue adds messages to a queue. Times of messages are the machine's: the
// account's own clock may stand still, and batches must not.
func (qs *Queues) enqueue(q *line, parts []incoming) error {
	if len(parts) > largestBatch {
		return envelope.Invalid("batch message count of %d exceeds limit of %d", len(parts), largestBatch)
	}
	now := time.Now()
	var added []*message
	for _, part := range parts {
		body, err := base64.StdEncoding.DecodeString(part.Body)
		if err != nil {
			return envelope.Invalid("a message body is not base64: %v", err)
		}
		if len(body) > largestMessage {
			return envelope.Invalid("message length of %d bytes exceeds limit of %d", len(body), largestMessage)
		}
		delay := q.Settings.Delay
		if part.Delay != nil {
			delay = *part.Delay
		}
		kind := part.Type
		if kind == "" {
			kind = "v8"
		}
		added = append(added, &message{
			Message: Message{ID: qs.mint.Hex(), Timestamp: now.UnixMilli(), ContentType: kind, Body: part.Body},
			bytes:   len(body), visible: now.Add(time.Duration(delay) * time.Second),
		})
	}
	q.messages = append(q.messages, added...)
	q.poke()
	return nil
}

// backlog returns how many messages and bytes wait, and since when the oldest does, 0 without any.
func (q *line) backlog() (count, bytes, oldest int64) {
	for _, m := range q.messages {
		count++
		bytes += int64(m.bytes)
		if oldest == 0 || m.Timestamp < oldest {
			oldest = m.Timestamp
		}
	}
	return count, bytes, oldest
}
