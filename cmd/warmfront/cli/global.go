package cli

import (
	"fmt"
	"log/slog"
	"os"
)

// Global holds the flags that every command has.
type Global struct {
	Data     string // the state folder
	Endpoint string // of control
	KeyFile  string
	Output   string // text or json
	LogLevel string
}

// Logger returns what a program logs to: stderr, at the level that the flags give.
func (g *Global) Logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(g.LogLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", g.LogLevel)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}
