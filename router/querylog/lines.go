package querylog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Line is what one line says.
type Line struct {
	Time   time.Time      `json:"time"` // when the query was read
	Router string         `json:"router"`
	Client netip.AddrPort `json:"client"`
	Proto  string         `json:"proto"` // "udp" or "tcp"
	// Name and Type are of the question, as it was sent; empty where there is none.
	Name string `json:"name"`
	Type string `json:"type"`
	// RCode is the answer's, "none" where nothing was answered.
	RCode string `json:"rcode"`
	// DO is whether signatures were asked for, TC whether the answer was cut short.
	DO bool `json:"do"`
	TC bool `json:"tc"`
	// Subnet is the EDNS Client Subnet of the query, Scope that of the answer (RFC 7871).
	Subnet string `json:"subnet,omitempty"`
	Scope  int    `json:"scope,omitempty"`
	// What the answer followed from; see Exchange.
	POP          string `json:"pop,omitempty"`
	Distribution string `json:"distribution,omitempty"`
	Geo          string `json:"geo,omitempty"`
	Answers      int    `json:"answers"` // records in the answer section
	Bytes        int    `json:"bytes"`   // of the answer
	Micros       int64  `json:"micros"`  // from reading the query to having the answer
}

// line reads an exchange.
func line(x *Exchange) Line {
	out := Line{
		Time: x.Received.UTC(), Router: x.Router, Client: x.From, Proto: "udp", RCode: "none",
		POP: x.POP, Distribution: x.Distribution, Geo: x.Geo, Bytes: len(x.Answer), Micros: x.Sent.Sub(x.Received).Microseconds(),
	}
	if x.TCP {
		out.Proto = "tcp"
	}
	var q, a dns.Msg
	_ = q.Unpack(x.Query) // what can be read of it
	if len(q.Question) > 0 {
		out.Name, out.Type = q.Question[0].Name, dns.Type(q.Question[0].Qtype).String()
	}
	if opt := q.IsEdns0(); opt != nil {
		out.DO = opt.Do()
		if s := subnet(opt); s != nil {
			out.Subnet = fmt.Sprintf("%s/%d", s.Address, s.SourceNetmask)
		}
	}
	if x.Answer == nil || a.Unpack(x.Answer) != nil {
		return out
	}
	out.TC, out.Answers = a.Truncated, len(a.Answer)
	out.RCode = dns.RcodeToString[a.Rcode]
	if a.Rcode == dns.RcodeBadVers {
		out.RCode = "BADVERS"
	}
	if opt := a.IsEdns0(); opt != nil {
		if s := subnet(opt); s != nil {
			out.Scope = int(s.SourceScope)
		}
	}
	return out
}

func subnet(opt *dns.OPT) *dns.EDNS0_SUBNET {
	for _, o := range opt.Option {
		if s, ok := o.(*dns.EDNS0_SUBNET); ok {
			return s
		}
	}
	return nil
}

// String is the line as text: what every query has, then what this one has besides.
func (l Line) String() string {
	var b strings.Builder
	name, qtype := l.Name, l.Type
	if name == "" {
		name, qtype = "-", "-"
	}
	fmt.Fprintf(&b, "%s %s %s %s %s %s %s answers=%d bytes=%d us=%d",
		l.Time.Format("2006-01-02T15:04:05.000Z"), l.Router, l.Client, l.Proto, name, qtype, l.RCode, l.Answers, l.Bytes, l.Micros)
	for _, f := range [...]struct{ name, value string }{
		{"pop", l.POP}, {"distribution", l.Distribution}, {"geo", l.Geo}, {"subnet", l.Subnet},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, " %s=%s", f.name, f.value)
		}
	}
	if l.Subnet != "" {
		fmt.Fprintf(&b, " scope=%d", l.Scope)
	}
	if l.DO {
		b.WriteString(" do")
	}
	if l.TC {
		b.WriteString(" tc")
	}
	return b.String()
}

// lines is a file of lines.
type lines struct {
	path   string
	asJSON bool
	file   *os.File
	out    *bufio.Writer
}

func openLines(path string) (*lines, error) {
	l := &lines{path: path, asJSON: strings.HasSuffix(path, ".json") || strings.HasSuffix(path, ".jsonl")}
	return l, l.open()
}

func (l *lines) open() (err error) {
	// Who asked for what is nobody else's business.
	if l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640); err != nil {
		return err
	}
	l.out = bufio.NewWriterSize(l.file, 64<<10)
	return nil
}

func (l *lines) String() string { return l.path }

func (l *lines) write(e *entry) error {
	x := line(&e.Exchange)
	text := []byte(x.String())
	if l.asJSON {
		var err error
		if text, err = json.Marshal(x); err != nil {
			return err
		}
	}
	_, err := l.out.Write(append(text, '\n'))
	return l.recover(err)
}

// recover has the next line tried after one that failed: a bufio.Writer keeps its first
// error.
func (l *lines) recover(err error) error {
	if err != nil {
		l.out.Reset(l.file)
	}
	return err
}

func (l *lines) flush() error { return l.recover(l.out.Flush()) }

func (l *lines) reopen() error {
	old := *l
	if err := l.open(); err != nil {
		*l = old // which goes on
		return err
	}
	return errors.Join(old.out.Flush(), old.file.Close())
}

func (l *lines) close() error { return errors.Join(l.out.Flush(), l.file.Close()) }
