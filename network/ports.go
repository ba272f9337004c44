package network

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
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

// services are the ports of the cluster's own services, which no origin is on.
// The object store is not among them: it is one.
func (p Ports) services() []uint16 {
	return []uint16{p.DNS, p.Control, p.Proxy, p.Gossip, p.Peer, p.Metrics}
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// explainTaken says who has a port that could not be listened on.
func explainTaken(err error) error {
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

// DefaultZone is the domain a network is authoritative for unless told otherwise.
const DefaultZone = "warmfront.test"

// CheckZone says in words what is wrong with a --zone (RFC 1035 section 2.3.1: letters,
// digits and hyphens).
func CheckZone(zone string) error {
	for label := range strings.SplitSeq(zone, ".") {
		ok := label != "" && len(label) <= 63 && !strings.HasPrefix(label, "-") && !strings.HasSuffix(label, "-")
		for _, r := range label {
			ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
		}
		if !ok || len(zone) > 200 {
			return fmt.Errorf("--zone %q is not a domain name in lower case, such as warmfront.test", zone)
		}
	}
	return nil
}
