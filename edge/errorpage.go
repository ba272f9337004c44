package edge

import (
	"context"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// fault is an answer of the edge's own: a status and a sentence for a person.
type fault struct {
	status   int
	sentence string
}

// errorPage answers with a page of the edge's own about what went wrong.
func (x *exchange) errorPage(f fault) *message.Response {
	x.done.Type, x.done.Failure = result.Error, f.sentence
	if x.done.ErrorType == accesslog.LimitExceeded {
		x.done.Type = result.LimitExceeded
	}
	if x.done.Document != "" {
		return x.own(f.status, "text/xml", x.done.Document)
	}
	return x.page(f.status, f.sentence)
}

// page is an HTML page of the edge's own wording.
func (x *exchange) page(status int, sentence string) *message.Response {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	if http.StatusText(status) == "" {
		title = strconv.Itoa(status)
	}
	text := `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>` + title + `</title></head>
<body><h1>` + title + `</h1><p>` + html.EscapeString(sentence) + `</p>
<p>Answered by the edge location <code>` + html.EscapeString(x.edge.pop) + `</code>; request id <code>` + x.id + `</code></p></body></html>
`
	return x.own(status, "text/html; charset=utf-8", text)
}

// own is an answer that the edge makes itself.
func (x *exchange) own(status int, kind, text string) *message.Response {
	resp := &message.Response{Status: status, Length: int64(len(text)), Header: make(message.Header, 0, roomForOwnFields)}
	resp.Header.Add("Server", "CloudFront")
	resp.Header.Add("Date", rfc9111.FormatDate(x.edge.cfg.Now()))
	resp.Header.Add("Content-Type", kind)
	if x.Request.Method != "HEAD" {
		resp.Body = io.NopCloser(strings.NewReader(text))
	}
	return resp
}

// customError returns the page that the distribution has for a status, nil where
// it has none or the page is not to be had: then the error stays as it is
// (developer guide, "Generate custom error responses").
func (x *exchange) customError(ctx context.Context, status int) *message.Response {
	if x.inner || x.Behavior == nil || status < 400 || x.done.Type.Made() {
		return nil
	}
	for _, r := range x.Plan.ErrorResponses {
		if r.Code != status || r.PagePath == "" {
			continue
		}
		page := x.forPage(r.PagePath)
		resp := page.serve(ctx)
		if resp.Status != 200 {
			resp.Close()
			return nil
		}
		if x.Request.Method == "HEAD" {
			resp.Close()
			resp.Body = nil
		}
		resp.Status = r.ResponseCode
		x.done.Type = result.Error
		return resp
	}
	return nil
}

// forPage is the request for a custom error page: a GET, by the behavior that
// matches its path, without what the viewer asked of another object.
func (x *exchange) forPage(path string) *exchange {
	req := *x.Request
	req.Method, req.Path, req.Query, req.Body, req.Length = "GET", path, "", nil, 0
	req.Header = x.Request.Header.Clone(0)
	req.Header.Filter(func(f message.Field) bool {
		switch strings.ToLower(f.Name) {
		case "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since":
			return false
		}
		return true
	})
	p := x.edge.newExchange()
	p.Request, p.Plan, p.inner = &req, x.Plan, true
	p.id, p.state, p.start, p.ahead, p.arrived, p.leased = x.id, x.state, x.start, x.ahead, x.arrived, x.leased
	p.aim(path)
	return p
}
