// Package resource serves what CloudFront's API can be asked to do with everything in
// an account besides distributions: policies, identities, keys, functions, key value
// stores, logs, and what else distributions refer to.
//
// It promises of each what package api promises of all: a call that succeeds is durable
// in the journal, one that fails has left it as it was, and what was sent comes back as
// it was sent, with CloudFront's defaults filled in.
//
// Most kinds are alike, and are rows of one table: a [kind] says by which names its
// operations go, what ids look like, what is unique, what a configuration may hold and
// what its lists look like; create, get, update, delete and list are written once. One
// create goes through it so: the body is decoded and checked; within Journal.Propose,
// where nobody else changes anything, the caller's reference and the name are found to
// be new, the quota to leave room and what the configuration refers to to be there; the
// resource gets an id and an ETag, and is one change. Functions have stages, stores
// have data, real-time logs are named in bodies and subscriptions have no ids: those
// have operations of their own.
package resource
