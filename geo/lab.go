package geo

import (
	"fmt"
	"net/netip"
)

// ViewerAddr returns the address that stands for a viewer in the city of POP n:
// 127.n.9.9. It panics if n is not a POP's number, 1 to 254.
func ViewerAddr(n int) netip.Addr {
	if n < 1 || n > maxN {
		panic(fmt.Sprintf("geo: POP number %d", n))
	}
	return netip.AddrFrom4([4]byte{127, byte(n), 9, 9})
}

// labRange returns the POP number that a lab address carries (0: the place of
// --home) and the range that shares it. The ranges are
//
//	127.n.0.0/16       loopback: nodes in 127.n.0.0/21, viewers above
//	10.77.n.0/24       Compose
//	fd77:n::/32        Compose, n in decimal digits as the second group:
//	                   POP 120 is fd77:120::
//
// and ::/64 with ::1, which is home. The whole of each parent range is the lab's: where
// n is no POP's number, nobody else knows the address either.
//
// Nor does anybody know where the addresses of 6to4 (deprecated by RFC 7526) and Teredo
// are: databases lead them to the tree of IPv4, of the relay or of the server.
func labRange(a netip.Addr) (n int, prefix netip.Prefix, ok bool) {
	bits := 0
	if a.Is4() {
		b := a.As4()
		switch {
		case b[0] == 127:
			n, bits = int(b[1]), 16
		case b[0] == 10 && b[1] == 77:
			n, bits = int(b[2]), 24
		}
	} else {
		b := a.As16()
		switch {
		case b[0] == 0xfd && b[1] == 0x77:
			n, bits = decimalGroup(b[2], b[3]), 32
		case [8]byte(b[:8]) == [8]byte{}:
			n, bits = 0, 64
		case b[0] == 0x20 && b[1] == 0x02:
			n, bits = -1, 16
		case [4]byte(b[:4]) == [4]byte{0x20, 0x01}:
			n, bits = -1, 32
		}
	}
	if bits == 0 {
		return 0, netip.Prefix{}, false
	}
	prefix, _ = a.Prefix(bits)
	return n, prefix, true
}

// decimalGroup reads a group of an IPv6 address as if its hexadecimal digits
// were decimal, and returns -1 if one of them is not.
func decimalGroup(high, low byte) int {
	n := 0
	for _, digit := range []byte{high >> 4, high & 15, low >> 4, low & 15} {
		if digit > 9 {
			return -1
		}
		n = n*10 + int(digit)
	}
	return n
}

// besideLab returns the widest network within prefix that holds a, which is
// not a lab address, and no lab range.
func besideLab(prefix netip.Prefix, a netip.Addr) netip.Prefix {
	for _, parent := range labParents() {
		for prefix.Overlaps(parent) {
			prefix, _ = a.Prefix(prefix.Bits() + 1)
		}
	}
	return prefix
}

// labParents are what labRange divides, in the order of addresses.
func labParents() [6]netip.Prefix {
	return [...]netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77}), 16),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
		netip.PrefixFrom(netip.IPv6Unspecified(), 64),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01}), 32),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x02}), 16),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0x77}), 16),
	}
}
