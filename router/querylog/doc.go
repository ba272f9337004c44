// Package querylog writes down some of the queries that a router answers, or all: as lines of
// text or JSON, and in dnstap (https://dnstap.info), which the field's tools read.
//
// It promises that no answer waits for it, and that its memory has a bound: where what is
// written to is slower than what comes, or gone, exchanges are dropped, and counted by who
// gave them.
//
// One exchange goes through it like this. The router asks [Log.Sample] whether this one is
// to be written; if so, it hands the packets to [Log.Add] once the answer is made, which copies
// them into one of a fixed number of entries and returns, or finds none free. The log's
// goroutine reads them, writes them to each output, and gives the entry back.
package querylog
