package wire

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"
)

// Decode makes a message of a packet. Where the packet cannot be parsed, or has
// more records than any query needs, the message has no question and is
// answered FORMERR; for opcodes other than QUERY the rest is not looked at. Nil is a
// packet that must not be answered: too short to have an id, or itself an answer
// (two servers would answer one another for ever).
func Decode(packet []byte) *dns.Msg {
	const response = 0x80
	if len(packet) < headerSize || packet[2]&response != 0 {
		return nil
	}
	bare := &dns.Msg{}
	if bare.Unpack(packet[:headerSize]) != nil {
		return nil
	}
	count := func(at int) int { return int(packet[at])<<8 | int(packet[at+1]) }
	// One SOA in the authority section is IXFR's; two additional records are OPT
	// and TSIG.
	if bare.Opcode != dns.OpcodeQuery || count(4) > 1 || count(6) > 1 || count(8) > 1 || count(10) > 2 {
		return bare
	}
	q := &dns.Msg{}
	if q.Unpack(withoutForeignOptions(packet)) != nil {
		return bare
	}
	// The library takes a packet that ends early for one with fewer records.
	if len(q.Question) != count(4) || len(q.Answer) != count(6) || len(q.Ns) != count(8) || len(q.Extra) != count(10) {
		return bare
	}
	return q
}

// withoutForeignOptions returns a query with the options that are not looked at under a code
// that the library does not know, in a copy where there are any. They are to be ignored (RFC
// 6891, section 6.1.2), but the library refuses some whose content it does not expect:
// ZONEVERSION, which in queries is empty (RFC 9660, section 2.1). Of an OPT of another version
// none is looked at.
func withoutForeignOptions(packet []byte) []byte {
	count := func(at int) int { return int(binary.BigEndian.Uint16(packet[at:])) }
	at, copied := headerSize, false
	for range count(4) {
		at = skipName(packet, at) + 4 // type and class
	}
	for range count(6) + count(8) + count(10) {
		at = skipName(packet, at)
		const fixed = optFixed - 1 // without the owner
		if at+fixed > len(packet) {
			return packet
		}
		end := at + fixed + count(at+8)
		if end > len(packet) {
			return packet
		}
		isOPT, version := count(at) == int(dns.TypeOPT), packet[at+5]
		for at += fixed; isOPT && at+4 <= end; at += 4 + count(at+2) {
			if version == 0 && readsOption(uint16(count(at))) {
				continue
			}
			if !copied {
				packet, copied = slices.Clone(packet), true
			}
			binary.BigEndian.PutUint16(packet[at:], dns.EDNS0LOCALSTART)
		}
		at = end
	}
	return packet
}

// skipName returns where a name ends that begins at a position, the end of the packet where it
// does not.
func skipName(packet []byte, at int) int {
	for at < len(packet) {
		length := int(packet[at])
		switch {
		case length == 0:
			return at + 1
		case length > maxLabel: // a pointer, which ends the name, or nothing at all
			return at + 2
		}
		at += 1 + length
	}
	return len(packet)
}

// Option returns the data of the first EDNS option with a code in a query of one question, nil where there is none. It
// says nothing of whether the rest of the packet is well formed.
func Option(packet []byte, code uint16) []byte {
	if len(packet) < headerSize {
		return nil
	}
	count := func(at int) int { return int(binary.BigEndian.Uint16(packet[at:])) }
	at := headerSize
	if count(4) == 1 {
		at = skipName(packet, at) + 4 // type and class
	}
	for range min(count(6)+count(8)+count(10), 4) {
		at = skipName(packet, at)
		const fixed = optFixed - 1 // without the owner
		if at+fixed > len(packet) || at+fixed+count(at+8) > len(packet) {
			return nil
		}
		isOPT, end := count(at) == int(dns.TypeOPT), at+fixed+count(at+8)
		for at += fixed; isOPT && at+4 <= end; at += 4 + count(at+2) {
			if from, to := at+4, at+4+count(at+2); count(at) == int(code) && to <= end {
				return packet[from:to]
			}
		}
		at = end
	}
	return nil
}
