package viewer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/warmfront/warmfront/cdn/span"
)

// Resolver asks authoritative servers directly. It caches nothing: each question
// shows what the routers answer now.
type Resolver struct {
	// Servers are tried in order, each given Timeout.
	Servers []string
	Timeout time.Duration // 0 means 2 s
}

// Answer is what a router said.
type Answer struct {
	Addrs []netip.Addr
	TTL   time.Duration
	// Scope is the prefix length for which the answer holds (RFC 7871); -1 where
	// the router sent none.
	Scope  int
	Server string
	Took   time.Duration
}

// NotServedError says that the routers do not answer for a name.
type NotServedError struct {
	Name  string
	RCode dnsmessage.RCode
}

func (e *NotServedError) Error() string {
	switch e.RCode {
	case dnsmessage.RCodeNameError:
		return fmt.Sprintf("no distribution has the name %s (NXDOMAIN)", e.Name)
	case dnsmessage.RCodeRefused:
		return fmt.Sprintf("%s is outside the zone that the routers serve (REFUSED)", e.Name)
	case dnsmessage.RCodeSuccess:
		return fmt.Sprintf("%s has no address of the family asked for (NODATA)", e.Name)
	}
	return fmt.Sprintf("the routers cannot answer for %s (%s)", e.Name, strings.TrimPrefix(e.RCode.String(), "RCode"))
}

// optionClientSubnet and span.OptionCode are the options that are sent.
const optionClientSubnet = 8

// Lookup resolves name for a viewer at the address viewer: A records for an IPv4
// viewer, AAAA and then A for an IPv6 one. It sends a /24 or /56 of the address,
// as public resolvers do (RFC 7871 section 11.1).
func (r *Resolver) Lookup(ctx context.Context, name string, viewer netip.Addr) (Answer, error) {
	types := []dnsmessage.Type{dnsmessage.TypeA}
	if viewer.Is6() && !viewer.Is4In6() {
		types = []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeA}
	}
	err := errors.New("no router to ask")
	for _, t := range types {
		for _, server := range r.Servers {
			var a Answer
			if a, err = r.ask(ctx, server, name, t, viewer); err == nil {
				return a, nil
			}
			var not *NotServedError
			if errors.As(err, &not) {
				break
			}
		}
	}
	return Answer{}, err
}

func (r *Resolver) ask(ctx context.Context, server, name string, t dnsmessage.Type, viewer netip.Addr) (Answer, error) {
	start := time.Now()
	m, err := r.query(ctx, server, name, t, viewer)
	if err != nil {
		return Answer{}, err
	}
	return readAnswer(Answer{Scope: -1, Server: server, Took: time.Since(start)}, name, m)
}

// query asks one server, by TCP where the answer does not fit UDP.
func (r *Resolver) query(ctx context.Context, server, name string, t dnsmessage.Type, viewer netip.Addr) (*dnsmessage.Message, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s := span.From(ctx).Child(span.Start{Name: "DNS " + strings.TrimPrefix(t.String(), "Type"), Kind: span.Client, Attributes: []span.Attribute{
		span.String("dns.question.name", name), span.String("server.address", server),
	}})
	m, err := askServer(ctx, server, question{uint16(rand.Uint32()), name, t, viewer, s.Context()})
	s.EndWith(err)
	return m, err
}

// question is what is asked, and as part of which trace, if of any.
type question struct {
	id     uint16
	name   string
	t      dnsmessage.Type
	viewer netip.Addr
	trace  span.Context
}

// askServer is query of a question that has an id.
func askServer(ctx context.Context, server string, q question) (*dnsmessage.Message, error) {
	query, err := q.build()
	if err != nil {
		return nil, err
	}
	var m dnsmessage.Message
	for _, network := range []string{"udp", "tcp"} {
		reply, err := exchange(ctx, network, server, query)
		if err != nil {
			return nil, fmt.Errorf("router %s: %w", server, err)
		}
		if err := m.Unpack(reply); err != nil {
			return nil, fmt.Errorf("router %s: malformed answer: %w", server, err)
		}
		if m.ID != q.id {
			return nil, fmt.Errorf("router %s: answer to another question", server)
		}
		if !m.Truncated {
			break
		}
	}
	return &m, nil
}

func readAnswer(a Answer, name string, m *dnsmessage.Message) (Answer, error) {
	for _, rr := range m.Answers {
		switch body := rr.Body.(type) {
		case *dnsmessage.AResource:
			a.Addrs = append(a.Addrs, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			a.Addrs = append(a.Addrs, netip.AddrFrom16(body.AAAA))
		}
		a.TTL = time.Duration(rr.Header.TTL) * time.Second
	}
	for _, rr := range m.Additionals {
		opt, ok := rr.Body.(*dnsmessage.OPTResource)
		if !ok {
			continue
		}
		for _, o := range opt.Options {
			if o.Code == optionClientSubnet && len(o.Data) >= 4 {
				a.Scope = int(o.Data[3])
			}
		}
	}
	if m.RCode != dnsmessage.RCodeSuccess || len(a.Addrs) == 0 {
		return a, &NotServedError{name, m.RCode}
	}
	return a, nil
}

func (q question) build() ([]byte, error) {
	n, err := dnsmessage.NewName(strings.TrimSuffix(q.name, ".") + ".")
	if err != nil {
		return nil, fmt.Errorf("%q is not a host name", q.name)
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: q.id})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(dnsmessage.Question{Name: n, Type: q.t, Class: dnsmessage.ClassINET}); err != nil {
		return nil, fmt.Errorf("%q is not a host name", q.name)
	}
	if err := b.StartAdditionals(); err != nil {
		return nil, err
	}
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(1232, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, err
	}
	opt := dnsmessage.OPTResource{}
	if q.viewer.IsValid() {
		opt.Options = []dnsmessage.Option{{Code: optionClientSubnet, Data: clientSubnet(q.viewer)}}
	}
	if q.trace.Valid() {
		opt.Options = append(opt.Options, dnsmessage.Option{Code: span.OptionCode, Data: q.trace.AppendOption(nil)})
	}
	if err := b.OPTResource(h, opt); err != nil {
		return nil, err
	}
	return b.Finish()
}

// clientSubnet is the option's data: family, source prefix length, scope 0 and
// just the octets that the prefix covers (RFC 7871 section 6).
func clientSubnet(viewer netip.Addr) []byte {
	viewer = viewer.Unmap()
	if viewer.Is4() {
		a := viewer.As4()
		return append([]byte{0, 1, 24, 0}, a[:3]...)
	}
	a := viewer.As16()
	return append([]byte{0, 2, 56, 0}, a[:7]...)
}

func exchange(ctx context.Context, network, server string, query []byte) ([]byte, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if network == "udp" {
		if _, err := c.Write(query); err != nil {
			return nil, err
		}
		buf := make([]byte, 1232)
		n, err := c.Read(buf)
		return buf[:n], err
	}
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(query)))
	if _, err := c.Write(append(framed, query...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	reply := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err = io.ReadFull(c, reply)
	return reply, err
}
