// Package keyvalue serves the data of key value stores: the API of CloudFront
// KeyValueStore, version 2022-07-26, which is JSON, signed with SigV4A, and beside
// CloudFront's own.
//
// It promises what package api promises: a call that succeeds is durable in the
// journal, one that fails has left it as it was. All that one call puts and deletes is
// one change, so that no function ever sees half of it; of two calls on the same
// version one is refused.
//
// One call goes through it so: the names in Host and Origin are checked, the path tells
// which operation is meant and on which store, the body is read and the signature
// verified over it. What is read is read from the state that the journal holds; what is
// written is decided inside Journal.Propose.
package keyvalue
