package ports

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/network/portowner"
)

func TestPortsShift(t *testing.T) {
	p, err := DefaultPorts().Shift(1000)
	if err != nil || p.DNS != 6300 || p.CityProxy != 32000 || p.Metrics != 10100 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, base := range []int{-1, 40000} {
		if _, err := DefaultPorts().Shift(base); err == nil {
			t.Errorf("base %d: no error", base)
		}
	}
}

func TestATakenPortIsNamedWithItsOwner(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = net.Listen("tcp", l.Addr().String())
	text := ExplainTaken(err).Error()
	if !strings.Contains(text, l.Addr().String()) || !strings.Contains(text, "--port-base") {
		t.Errorf("%q does not say which port and what to do", text)
	}
	if owner := portowner.Of(l.Addr()); owner != "" && !strings.Contains(text, owner) {
		t.Errorf("%q does not name %q", text, owner)
	}
	if other := errors.New("other"); !errors.Is(ExplainTaken(other), other) {
		t.Error("another error was changed")
	}
}
