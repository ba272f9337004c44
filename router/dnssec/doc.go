// Package dnssec signs a router's answers as they are asked for (RFC 4033 to 4035), and
// proves what does not exist (RFC 9824).
//
// Answers that depend on where the viewer is cannot be signed in advance, so a router holds
// the private keys and signs when it is asked. What it signs is an RRset, never a message:
// all viewers who are given the same edge for a name are given the same signature, which
// is made once and kept (see cache). A signature depends on nothing but the RRset, the keys
// and the day, not even on chance (RFC 6979): routers that have the same keys make the same.
//
// Each zone has one key that signs everything (a combined signing key), ECDSA on P-256 with
// SHA-256 (algorithm 13, RFC 6605). Splitting it into a key-signing and a zone-signing key
// helps where the first can be kept away from the server; here both would lie in
// the same file of the same process, and the larger answer to DNSKEY would buy nothing. A
// key is replaced by having two for a while, both of which sign everything (RFC 6781,
// section 4.1.3): [Keys.Roll], then the parent's DS, then [Keys.Retire].
//
// What does not exist is denied by one NSEC record at the name that was asked for, whose
// next name is the very next there can be (RFC 9824, section 3.1): its types are those of
// the name, or NXNAME where there is none. One signature does, and nobody can list the zone.
//
// Nothing here reads a clock or does I/O but [ReadFile], [CreateFile] and [ReplaceFile]. A zone is signed
// where keys are given for it; there are no wildcards to prove.
package dnssec
