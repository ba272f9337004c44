package http3

import (
	"crypto/tls"
	"slices"
)

const alpn = "h3" // RFC 9114 section 3.1

// offering returns conf as QUIC is to use it: where it offers "h3", that alone; of
// what it offers else, which is spoken over TCP, nothing fits a viewer's offer here.
func offering(conf *tls.Config) *tls.Config {
	if conf == nil {
		conf = &tls.Config{} // the handshake says that there is no certificate
	}
	// The keys for session tickets are made before the copy, or each copy would
	// have its own and nobody could resume (go.dev/issue/60506).
	_, _ = conf.DecryptTicket(nil, tls.ConnectionState{})
	c := conf.Clone()
	c.MinVersion = tls.VersionTLS13 // RFC 9001 section 4.2
	switch {
	case slices.Contains(c.NextProtos, alpn):
		c.NextProtos = []string{alpn}
	case len(c.NextProtos) == 0: // would mean that anything goes
		c.NextProtos = []string{"http/1.1"}
	}
	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen == nil || err != nil {
				return nil, err
			}
			return offering(chosen), nil
		}
	}
	return c
}
