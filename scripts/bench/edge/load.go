package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// A load is one way to ask a server for what it has cached.
type load struct {
	Name  string
	Title string // of its column
	TLS   bool
	path  string
	size  int
	drive func(ctx context.Context, b *bench, t target) (sample, error)
}

// few is how many objects the emptier cache of the load "objects" holds.
const few = 1000

func loads() []load {
	return []load{
		{Name: "1k", Title: "1 KiB", path: "/bytes/1024/hit", size: 1 << 10, drive: wrk},
		{Name: "100k", Title: "100 KiB", path: "/bytes/102400/hit", size: 100 << 10, drive: wrk},
		{Name: "10m", Title: "10 MiB", path: "/bytes/10485760/hit", size: 10 << 20, drive: wrk},
		{Name: "steady", Title: "1 KiB, steady", path: "/bytes/1024/hit", size: 1 << 10, drive: h2loadOf("--h1")},
		{Name: "tls", Title: "TLS 1.3, 1 KiB", TLS: true, path: "/bytes/1024/hit", size: 1 << 10, drive: h2loadOf("--h1")},
		{Name: "h2", Title: "HTTP/2, 1 KiB", TLS: true, path: "/bytes/1024/hit", size: 1 << 10, drive: h2loadOf("--npn-list=h2")},
		{Name: "handshake", Title: "full handshakes", TLS: true, path: "/bytes/1024/hit", size: 1 << 10, drive: handshakes},
		{Name: "objects", Title: "1 KiB of many", path: "/bytes/1024/of-many/", size: 1 << 10, drive: wrk},
	}
}

func loadNames() (names []string) {
	for _, l := range loads() {
		names = append(names, l.Name)
	}
	return names
}

// A target is a server under a load.
type target struct {
	load
	server  *peers.Server
	alike   int // the target among the targets that it is compared with
	objects int // the path is followed by a number below it; 0 is a single object
}

// name is what the tables call it.
func (t target) name() string {
	if t.objects > 0 {
		return fmt.Sprintf("%s, %d objects", t.server.Name, t.objects)
	}
	return t.server.Name
}

func (t target) scheme() string {
	if t.TLS {
		return "https"
	}
	return "http"
}

// one is the path of object i.
func (t target) one(i int) string {
	if t.objects == 0 {
		return t.path
	}
	return t.path + strconv.Itoa(i)
}

// count is how many objects there are.
func (t target) count() int { return max(1, t.objects) }
