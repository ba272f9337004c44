//go:build !linux

package router

import (
	"context"
	"net"
	"syscall"
)

// canBatch says that serveBatches works here.
const canBatch = false

func reusePort(_, _ string, _ syscall.RawConn) error { return nil }

func (r *Router) serveBatches(ctx context.Context, c *net.UDPConn) error { return r.serveEach(ctx, c) }
