package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a host of the room: a network namespace with one address.
type Namespace struct {
	Name string
	Addr netip.Addr
	file *os.File
}

// Do calls f in the namespace: sockets that it opens, and processes that it starts, stay there. It must do so on the
// goroutine that it is called on.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		own, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer own.Close()
		if err = unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err == nil {
			err = f()
		}
		// A thread that cannot go back stays locked, and ends with this goroutine.
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// Dial connects from the namespace, to an address that is no name.
func (n *Namespace) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var c net.Conn
	err := n.Do(func() (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen listens on a TCP port of the namespace's address.
func (n *Namespace) Listen(port uint16) (net.Listener, error) {
	var l net.Listener
	err := n.Do(func() (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(n.Addr, port).String())
		return err
	})
	return l, err
}

// Direction says which packets of a host are lost.
type Direction string

// The directions, as the host sees them.
const (
	Both Direction = "both ways"
	In   Direction = "incoming"
	Out  Direction = "outgoing"
)

// Cut loses the packets between the host and another until heal is called. Connections that there are hang. Cuts add
// up: each is healed by itself.
func (n *Namespace) Cut(other netip.Addr, d Direction) (heal func() error, err error) {
	rules := cutRules(other, d)
	if err := n.filter("-A", rules); err != nil {
		return nil, err
	}
	return func() error { return n.filter("-D", rules) }, nil
}

// cutRules are the filter's rules of a cut: chain and match.
func cutRules(other netip.Addr, d Direction) [][]string {
	in := []string{"INPUT", "-i", "eth0", "-s", other.String()}
	out := []string{"OUTPUT", "-o", "eth0", "-d", other.String()}
	switch d {
	case In:
		return [][]string{in}
	case Out:
		return [][]string{out}
	}
	return [][]string{in, out}
}

// Lossy loses a part of all incoming packets until heal is called.
func (n *Namespace) Lossy(part float64) (heal func() error, err error) {
	rules := [][]string{{"INPUT", "-i", "eth0", "-m", "statistic", "--mode", "random", "--probability", fmt.Sprintf("%.2f", part)}}
	if err := n.filter("-A", rules); err != nil {
		return nil, err
	}
	return func() error { return n.filter("-D", rules) }, nil
}

func (n *Namespace) filter(change string, rules [][]string) error {
	return n.Do(func() error {
		for _, r := range rules {
			args := append([]string{"-w", "10", change}, r...)
			if err := run("iptables", append(args, "-j", "DROP")...); err != nil {
				return err
			}
		}
		return nil
	})
}
