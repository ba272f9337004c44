package viewer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/warmfront/warmfront/router/explain"
)

// Explain asks a router why a viewer is given the edge it is given for a name. A viewer
// that is not valid is whoever asks. Routers explain in a sandbox only, and to
// those near them.
func (r *Resolver) Explain(ctx context.Context, name string, viewer netip.Addr) (explain.Explanation, error) {
	err := errors.New("no router to ask")
	for _, server := range r.Servers {
		var m *dnsmessage.Message
		if m, err = r.query(ctx, server, "_explain."+name, dnsmessage.TypeTXT, viewer); err == nil {
			return readExplanation(name, m)
		}
	}
	return explain.Explanation{}, err
}

func readExplanation(name string, m *dnsmessage.Message) (explain.Explanation, error) {
	for _, rr := range m.Answers {
		if txt, ok := rr.Body.(*dnsmessage.TXTResource); ok {
			return explain.Parse(txt.TXT)
		}
	}
	if m.RCode == dnsmessage.RCodeNameError {
		return explain.Explanation{}, fmt.Errorf("no distribution has the name %s, or this router explains nothing (only those of a sandbox do, to whom is on the same network)", name)
	}
	return explain.Explanation{}, &NotServedError{name, m.RCode}
}
