package gossip

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
)

// chatter passes memberlist's log on at debug: what it calls an error is a lost
// packet. Where nobody listens it is not even formatted.
func chatter(l *slog.Logger) *log.Logger {
	if !l.Enabled(context.Background(), slog.LevelDebug) {
		return log.New(io.Discard, "", 0)
	}
	return log.New(debugWriter{l}, "", 0)
}

type debugWriter struct{ log *slog.Logger }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.Debug("memberlist", "said", string(bytes.TrimSpace(line)))
	return len(line), nil
}
