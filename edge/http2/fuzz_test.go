package http2

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// FuzzFrames sends frames that are mostly well-formed, of streams that mostly
// exist, and at times anything: each byte of the input chooses one. Whatever comes
// of it, nothing panics, everything ends, each request is reported once, and what
// a connection holds stays within its bounds.
func FuzzFrames(f *testing.F) {
	for seed := range byte(8) {
		script := make([]byte, 400)
		random := rand.New(rand.NewPCG(uint64(seed), 7))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script)
	}
	f.Add([]byte{0, 40, 40, 40, 40, 1, 2, 3, 7, 7, 7, 9, 40, 16, 16})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 2000 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzed(t, script) })
	})
}

func fuzzed(t *testing.T, script []byte) {
	var told deliveries
	handled := 0
	s := New(Config{NewExchange: func() Exchange {
		c := core{func(ctx context.Context, r *message.Request) *message.Response {
			told.mu.Lock()
			handled++
			told.mu.Unlock()
			return fuzzedAnswer(ctx, r)
		}, told.add}
		return readyCore{c, func(r *message.Request) bool { return r.Path == "/hit" || r.Path == "/large" }}
	}})
	r := dial(t, s)
	s.mu.Lock()
	for c := range s.conns {
		defer c.bounded(t)
	}
	s.mu.Unlock()
	random := rand.New(rand.NewPCG(uint64(len(script)), 3))
	z := &fuzzer{raw: r, Rand: random}
	for _, b := range script {
		if _, err := r.nc.Write(z.step(b)); err != nil {
			break
		}
	}
	z.settle()
	if len(script)%2 == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_ = s.Shutdown(ctx)
		cancel()
	}
	_ = r.nc.Close()
	_ = s.Close()
	synctest.Wait()
	<-time.After(5 * time.Minute)
	synctest.Wait()
	if len(s.conns) > 0 || told.count() != handled {
		t.Errorf("%d connections are left, %d of %d requests were reported", len(s.conns), told.count(), handled)
	}
}

func fuzzedAnswer(ctx context.Context, r *message.Request) *message.Response {
	switch r.Path {
	case "/hit":
		return hit("0123456789")
	case "/large":
		return hit(string(make([]byte, 100_000)))
	case "/wait":
		<-ctx.Done()
	case "/read":
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Trailer()
		}
		r.Interim(103, nil)
	case "/echo":
		if r.Body != nil {
			return &message.Response{Status: 200, Length: -1, Live: true, Body: io.NopCloser(r.Body)}
		}
	case "/panic":
		panic("of the core")
	case "/nothing":
		return nil
	}
	return &message.Response{Status: 204, Length: -1}
}

// bounded checks what a connection holds when everything has ended.
func (c *conn) bounded(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != 0 || len(c.streams) != 0 && c.err == nil || len(c.exchanges) > 2*maxStreams || len(c.spare) > maxStreams+1 || len(c.block.bytes) > maxBlock {
		t.Errorf("%d running, %d streams, %d exchanges, %d spare, %d bytes of a block", c.running, len(c.streams), len(c.exchanges), len(c.spare), len(c.block.bytes))
	}
	if c.received < 0 && c.err == nil || c.received > connWindow {
		t.Errorf("a window of %d", c.received)
	}
}

type fuzzer struct {
	*raw
	*rand.Rand
	newest uint32
}

// step makes the frame that b chooses.
func (z *fuzzer) step(b byte) []byte {
	// What ends the connection is rare, or little would be tried before it.
	lethal := z.IntN(100) == 0
	flags := []byte{0, 0, 0, 0, 1}[z.IntN(5)]
	id := max(z.newest, 1)
	if z.IntN(3) == 0 {
		id = z.Uint32N(z.newest+1) | 1
	}
	if lethal {
		id, flags = z.Uint32N(z.newest+5), byte(z.Uint32())
	}
	frame := func(kind byte, payload []byte) []byte {
		return append(appendFrameHeader(nil, len(payload), kind, flags, id), payload...)
	}
	noise := func(most int) []byte {
		p := make([]byte, z.IntN(most+1))
		for i := range p {
			p[i] = byte(z.Uint32())
		}
		return p
	}
	switch b % 24 {
	case 0:
		if !lethal {
			return frame(framePriority, make([]byte, 5))
		}
		return frame(byte(z.IntN(12)), noise(40))
	case 1, 2:
		return frame(frameData, make([]byte, z.IntN(2000)))
	case 3:
		flags &^= flagPadded
		return frame(frameData, make([]byte, 16384))
	case 4:
		flags = 0
		return frame(frameRSTStream, number(8))
	case 5:
		flags = 0
		return frame(frameWindowUpdate, number(z.Uint32N(70000)))
	case 6:
		id = 0
		return frame(frameWindowUpdate, number(z.Uint32N(70000)))
	case 7:
		return appendSettings(nil, setting{settingInitialWindowSize, z.Uint32N(100_000)})
	case 8:
		return appendSettings(nil, setting{settingHeaderTableSize, z.Uint32N(5000)}, setting{settingMaxFrameSize, maxReadFrame + z.Uint32N(1<<15)})
	case 9:
		id, flags = 0, byte(z.IntN(2))
		return frame(framePing, []byte(drainPing))
	case 10:
		z.newest += 2
		z.newest |= 1
		id, flags = z.newest, flagEndStream
		split := frame(frameHeaders, z.block(basic("GET", "/hit")...))
		if flags = flagEndHeaders; lethal {
			flags = 0
		}
		return append(split, frame(frameContinuation, z.block("x-b", "c"))...)
	case 11:
		flags = flagEndHeaders | flagEndStream
		return frame(frameHeaders, z.block("x-trailer", "c"))
	case 12:
		if lethal {
			return noise(100)
		}
		z.settle()
		return nil
	case 13:
		<-time.After(time.Duration(z.IntN(20)) * time.Second)
		return nil
	case 14:
		z.hear(z.IntN(2) == 0)
		if z.mute {
			<-time.After(time.Second)
			z.hear(true)
		}
		return nil
	}
	z.newest += 2
	z.newest |= 1
	id, flags = z.newest, []byte{4, 5, 5, 5}[z.IntN(4)]
	path := []string{"/hit", "/hit", "/large", "/wait", "/read", "/echo", "/panic", "/nothing", "/204", "bad"}[z.IntN(10)]
	return frame(frameHeaders, z.block(basic("GET", path, "x-a", "b")...))
}
