package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// logger is the log that is configured. No secret gets through it.
func (c config) logger(to io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	var h slog.Handler = slog.NewJSONHandler(to, o)
	if c.LogFormat == "text" {
		h = slog.NewTextHandler(to, o)
	}
	return slog.New(redacted{h, c.redactor().Redact})
}

// redacted is a handler that takes secrets out of all that goes through it, whoever
// wrote it.
type redacted struct {
	slog.Handler
	redact func(string) string
}

// Handle implements slog.Handler.
func (h redacted) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h redacted) WithAttrs(all []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(all))
	for i, a := range all {
		clean[i] = h.attr(a)
	}
	return redacted{h.Handler.WithAttrs(clean), h.redact}
}

// WithGroup implements slog.Handler.
func (h redacted) WithGroup(name string) slog.Handler {
	return redacted{h.Handler.WithGroup(name), h.redact}
}

func (h redacted) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.redact(v.String()))
	case slog.KindGroup:
		var clean []slog.Attr
		for _, one := range v.Group() {
			clean = append(clean, h.attr(one))
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, h.redact(err.Error()))
		}
		text := fmt.Sprintf("%+v", v.Any())
		if clean := h.redact(text); clean != text {
			return slog.String(a.Key, clean)
		}
		return slog.Attr{Key: a.Key, Value: v}
	default:
		return slog.Attr{Key: a.Key, Value: v}
	}
}
