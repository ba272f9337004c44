package lb

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// accessLog writes a line for each request, in the fields and the order of an
// Application Load Balancer's access logs ("Access logs for your Application Load
// Balancer"); "-" is what there is not here.
type accessLog struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *accessLog) write(r *http.Request, x *exchange, c *counter, ended time.Time) {
	if l.w == nil {
		return
	}
	status := c.status
	if status == 0 {
		status = x.status // of a connection that was handed over
	}
	kind, target, targetStatus, reason := "http", "-", "-", "-"
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && status == http.StatusSwitchingProtocols {
		kind = "ws"
	}
	request, waited, response := -1.0, -1.0, -1.0
	if x.target != nil {
		target = x.target.address
	}
	if x.status != 0 {
		targetStatus = strconv.Itoa(x.status)
		request, waited, response = 0, x.answered.Sub(x.arrived).Seconds(), ended.Sub(x.answered).Seconds()
	}
	if x.failure != "" {
		reason = x.failure
	}
	url := "http://" + r.Host + r.URL.RequestURI()
	line := fmt.Sprintf("%s %s warmfront %s %s %.3f %.3f %.3f %d %s %d %d %s %s - - - %s %s \"-\" 0 %s \"forward\" \"-\" %s %s %s \"-\" \"-\"\n",
		kind, ended.UTC().Format("2006-01-02T15:04:05.000000Z"), r.RemoteAddr, target, request, waited, response, status, targetStatus,
		max(r.ContentLength, 0), c.bytes, quoted(r.Method+" "+url+" "+r.Proto), quoted(r.UserAgent()), quoted(r.Header.Get("X-Amzn-Trace-Id")), quoted(r.Host),
		x.arrived.UTC().Format("2006-01-02T15:04:05.000000Z"), quoted(reason), quoted(target), quoted(targetStatus))
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.w, line) // a log that cannot be written holds up no request
}

// quoted is a value that others have chosen: it can end neither the field nor the line.
func quoted(s string) string {
	if s == "" {
		s = "-"
	}
	return strconv.QuoteToASCII(s)
}
