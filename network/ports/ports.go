// Package ports says where a network's services are found, and who has a port that is taken.
package ports

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/warmfront/warmfront/network/portowner"
)

// Ports are where a network's services are found. They are the same on every
// node's own address.
type Ports struct {
	DNS       uint16 `json:"dns"`
	HTTP      uint16 `json:"http"`
	HTTPS     uint16 `json:"https"`
	Control   uint16 `json:"control"`
	S3        uint16 `json:"s3"`
	Proxy     uint16 `json:"proxy"`
	CityProxy uint16 `json:"city_proxy"` // plus the city's number
	Gossip    uint16 `json:"gossip"`
	Peer      uint16 `json:"peer"`
	Metrics   uint16 `json:"metrics"`
}

// DefaultPorts are those of `warmfront up`: above 1024, so that nobody needs to
// be root.
func DefaultPorts() Ports {
	return Ports{DNS: 5300, HTTP: 8080, HTTPS: 8443, Control: 8800, S3: 9000, Proxy: 3128, CityProxy: 31000,
		Gossip: 7946, Peer: 7947, Metrics: 9100}
}

// ContainerPorts are those of containers and hosts, where each role has an
// address of its own and the well-known ports.
func ContainerPorts() Ports {
	p := DefaultPorts()
	p.DNS, p.HTTP, p.HTTPS = 53, 80, 443
	return p
}

// maxPortBase keeps every port but the viewer proxy's for cities below those that
// Linux gives to outgoing connections (32768 and up).
const maxPortBase = 22000

// Shift moves every port up by base, so that several networks run side by side.
func (p Ports) Shift(base int) (Ports, error) {
	if base < 0 || base > maxPortBase {
		return p, fmt.Errorf("--port-base %d: use 0 to %d; it is added to every port", base, maxPortBase)
	}
	for _, port := range []*uint16{&p.DNS, &p.HTTP, &p.HTTPS, &p.Control, &p.S3, &p.Proxy, &p.CityProxy, &p.Gossip, &p.Peer, &p.Metrics} {
		*port += uint16(base)
	}
	return p, nil
}

// Services are the ports of the cluster's own services, which no origin is on.
// The object store is not among them: it is one.
func (p Ports) Services() []uint16 {
	return []uint16{p.DNS, p.Control, p.Proxy, p.Gossip, p.Peer, p.Metrics}
}

// ExplainTaken says who has a port that could not be listened on.
func ExplainTaken(err error) error {
	var op *net.OpError
	if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &op) || op.Addr == nil {
		return err
	}
	owner := portowner.Of(op.Addr)
	if owner == "" {
		owner = "another process"
	}
	return fmt.Errorf("%s is taken by %s: stop it, or run with --port-base N to move every port up by N", op.Addr, owner)
}
