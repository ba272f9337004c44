//go:build !linux

package transport

import (
	"context"
	"net"
	"syscall"
)

// canBatch says that serveBatches works here.
const canBatch = false

func options(bool) func(_, _ string, _ syscall.RawConn) error { return nil }

func (s *Server) serveBatches(ctx context.Context, c *net.UDPConn) error { return s.serveEach(ctx, c) }
