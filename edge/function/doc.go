// Package function runs CloudFront functions: at viewers' events, and to test them.
//
// One run goes through it like this. What an event shows of a request and its answer is an
// [Event], made of the edge's messages (http.go) or read from what somebody tests with
// (parse.go). An [Engine] has the code as it was before its first event (edge/function/quickjs),
// and a pool of copies of that for each code (pool.go). Nothing that code keeps is there in
// the next run. The event goes in and what the handler returns comes back as QuickJS writes
// values down (quickjs.Writer, quickjs.Value), and is held against what functions may do
// (check.go): what a function returned is never believed to be of any form.
//
// It promises that a run takes no more than [Fuel] and quickjs.HeapBytes; that a process runs
// a bounded number at one time, distributions in turn, the others waiting for a bounded time
// (gate.go); that who runs for long leaves half of the time to others; and that what a
// viewer is told of a function's failure is nothing that the function said.
package function
