package edge

import (
	"strings"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/message"
)

// AccessLog takes a line for each request of a viewer that was answered.
type AccessLog interface {
	// Wants reports whether requests for a distribution are logged at all; "" is for
	// none.
	Wants(distribution string) bool
	// Log is handed a record that is used again when it returns. False if the line was
	// dropped.
	Log(r *accesslog.Record) bool
}

// logAccess has a line written about the request, if anybody wants it.
func (x *exchange) logAccess(d message.Delivery) {
	id := ""
	if x.Plan != nil {
		id = x.Plan.ID
	}
	if !x.edge.cfg.AccessLog.Wants(id) {
		return
	}
	defer x.line.Forget()
	r, line := x.asked, &x.line
	line.Location, line.RequestID = x.edge.pop, x.id
	line.Viewer, line.Method, line.Protocol, line.Major, line.Minor = r.Viewer, r.Method, r.Scheme, r.Major, r.Minor
	line.Host, line.Path, line.Query, line.TLSVersion, line.Cipher = r.Host, r.Path, r.Query, r.TLSVersion, r.Cipher
	line.Status, line.Sent, line.Received = x.done.Sent, d.Bytes, r.Size()
	line.Took, line.FirstByte = 0, 0
	if !r.Received.IsZero() { // an adapter says it
		line.Took = d.Ended.Sub(r.Received)
		if !d.First.IsZero() {
			line.FirstByte = d.First.Sub(r.Received)
		}
	}
	// Time may have been moved: the date goes by the clock that freshness goes by.
	line.Ended = x.start.Add(line.Took)
	line.Distribution, line.Domain, line.Behavior, line.Request = id, "", "", r
	if x.Plan != nil {
		line.Domain = x.Plan.Domain
	}
	if x.Behavior != nil {
		line.Behavior = x.Behavior.Pattern
	}
	if x.done.Sent == 101 && r.Upgrade == "websocket" {
		line.Protocol = "ws" + strings.TrimPrefix(r.Scheme, "http")
	}
	line.SetFields(x.asked.Header, x.sending.Header)
	line.ContentLength = x.sending.Length
	line.Primary, line.PrimaryDomain = "", ""
	if p := x.staged.primary; p != nil && p != x.Plan {
		line.Primary, line.PrimaryDomain = p.ID, p.Domain
	}
	line.Encryption, line.EncryptedFields = string(x.done.Encryption), x.done.Encrypted
	line.Origin, line.Failover, line.OriginFirst, line.OriginLast = "", "", 0, 0
	if t := x.done.Timing; t != nil {
		line.Origin, line.Failover, line.OriginFirst, line.OriginLast = t.Host, fetch.FailedWith(x.done.Failover), t.First, t.Last()
	}
	x.logResult(line, d.Err)
	if !x.edge.cfg.AccessLog.Log(line) {
		x.edge.metrics.Unlogged()
	}
}

// logResult says what came of the request, before the answer went out and after.
func (x *exchange) logResult(line *accesslog.Record, broken error) {
	t := x.done.Tell(x.Behavior == nil || x.Behavior.Allows(x.Request.Method), broken)
	line.Result, line.ResponseResult, line.Detail = t.Result, t.Response, t.Detail
	if t.Detail == accesslog.ClientHungUpRequest {
		line.Status, line.ContentLength = 0, -1 // it had left before there was an answer
	}
}
