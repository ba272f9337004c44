// Package netmap divides the address space by place, and by who serves it.
//
// A [Map] says for every address at which [Point] it is, or that nobody knows. It
// is made once of one or more layers ([Builder]), the first of which that holds an
// address decides, and is then shared by all routers of a process. Neighbours at
// the same point are one interval; an interval costs 8 bytes in IPv4 and 12 in
// IPv6.
//
// A [Partition] says for every address which of some candidates it is given, for
// whatever function from Point to candidate. It keeps no addresses of its
// own: a byte for each point, and a bit for each interval of the Map where the
// candidate changes. So one can be made, in a few milliseconds, whenever the
// candidates change.
//
// How one lookup goes: the interval that holds the address is found by binary
// search; its point says the candidate; the bits say how far the intervals on either
// side have the same one. The network returned is the largest that holds the address
// and lies within those intervals: the shortest prefix within which the answer is the
// same (RFC 7871, section 7.2.1). Two such networks are the same or apart, never one
// within the other.
//
// IPv6 is divided down to /64, the smallest network a site is given.
package netmap
