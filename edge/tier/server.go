package tier

import (
	"context"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/http1"
	"github.com/warmfront/warmfront/edge/message"
)

// Exchange answers the requests of one connection, one at a time.
type Exchange interface {
	// Answer answers r, the viewer's request as if that viewer had asked here. What
	// http1.Exchange says of Handle holds for it too.
	Answer(ctx context.Context, r *message.Request, a Ask) (*message.Response, Answer)
	Delivered(message.Delivery)
}

const (
	// catchUp is how long a node that lags is waited for, and look how often it is
	// looked at meanwhile.
	catchUp, look = 200 * time.Millisecond, 2 * time.Millisecond
	// mostBetween is the longest time between two signs of life: an asker takes 32
	// interim answers, which is then enough for four minutes.
	mostBetween = 8 * time.Second
)

// server answers other nodes.
type server struct {
	cfg  Config
	http *http1.Server
}

func newServer(cfg Config) *server {
	s := &server{cfg: cfg}
	s.http = http1.New(http1.Config{
		Scheme: "https", TLS: cfg.Identity.Accept(), Other: cfg.Other, Draining: cfg.Draining, Logger: cfg.Logger,
		NewExchange: func() http1.Exchange { return &exchange{server: s, core: cfg.NewExchange()} },
	})
	return s
}

// Pass is the answer of a tier that is to be passed over.
func Pass(why string) (*message.Response, Answer) {
	return &message.Response{Status: 503}, Answer{Passed: why}
}

// exchange is one connection of a node that asks.
type exchange struct {
	server *server
	core   Exchange
	// req is the viewer's request, beside the one that the connection keeps.
	req message.Request
}

// Delivered implements http1.Exchange.
func (x *exchange) Delivered(d message.Delivery) { x.core.Delivered(d) }

// Handle implements http1.Exchange.
func (x *exchange) Handle(ctx context.Context, r *message.Request) *message.Response {
	resp, answer := x.answer(ctx, r)
	Strip(&resp.Header)
	answer.appendTo(&resp.Header)
	return resp
}

func (x *exchange) answer(ctx context.Context, r *message.Request) (*message.Response, Answer) {
	a, err := parseAsk(r.Header)
	if err != nil {
		x.server.cfg.Logger.Debug("a node asked what is not of the protocol between tiers", "node", r.Viewer, "err", err)
		return Pass(malformed)
	}
	signs := signsOfLife{say: r.Interim, next: x.server.cfg.Patience / 4}
	signs.begin()
	defer signs.end()
	if !x.server.caughtUp(ctx, a.Least) {
		return Pass(Lagging)
	}
	x.req = *r
	Strip(&x.req.Header)
	x.req.Header.DropHopByHop()
	x.req.Viewer, x.req.Scheme, x.req.Major, x.req.Minor = a.Viewer, a.Scheme, a.Major, a.Minor
	x.req.ServerName, x.req.TLSVersion, x.req.Cipher = "", "", ""
	x.req.Received = time.Now() // it may have been waited: the lease is to be looked at now
	return x.core.Answer(ctx, &x.req, a)
}

// caughtUp waits until the node has applied what an asker needs, for a moment.
func (s *server) caughtUp(ctx context.Context, least cdn.Version) bool {
	if Satisfies(s.cfg.Applied(), least) {
		return true
	}
	if s.cfg.Applied().Epoch > least.Epoch {
		return false // and never will
	}
	late := time.NewTimer(catchUp)
	defer late.Stop()
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if Satisfies(s.cfg.Applied(), least) {
				return true
			}
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// signsOfLife tell an asker that waits that the node is at work and has not died:
// a silence is the one sign of a node that stands still.
type signsOfLife struct {
	say  func(int, message.Header)
	next time.Duration

	mu    sync.Mutex
	ended bool
	timer *time.Timer
}

func (s *signsOfLife) begin() {
	if s.say == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(s.next, s.sign)
}

func (s *signsOfLife) sign() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.next = min(2*s.next, mostBetween)
	s.say(working, sayWorking(s.next))
	s.timer.Reset(s.next)
}

// end returns once nothing more will be said: what is said after an answer would
// be of the next.
func (s *signsOfLife) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}
