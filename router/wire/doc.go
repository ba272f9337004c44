// Package wire reads DNS queries and writes what of their answers is the same whatever they
// say.
//
// A packet is read in one of two ways. [Common] is for what nearly all are, one question for
// an address: it is read in its place, and its answer is written from its bytes, without an
// allocation. [Decode] makes a message of any other, of which [EDNS] reads the OPT, and later
// puts that of the answer into it and makes the answer fit ([EDNS.Finish]). Both read the
// same: what Common takes, and answers, the other way answers with the same bytes, to
// which the tests of package router hold them.
//
// It decides nothing: what is answered is the router's.
package wire
