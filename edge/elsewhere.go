package edge

import (
	"cmp"
	"strconv"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/tier"
)

// elsewhere sends a viewer who is far from here to a POP that is better for it, by the name
// at which that POP answers (decision 0004); nil where it is answered here. DNS has told it
// to come here by the place of its resolver. Only what a viewer may ask again is sent away,
// nothing that is signed for this name, and nobody twice.
func (x *exchange) elsewhere() *message.Response {
	pop := x.betterPOP()
	if pop == "" {
		return nil
	}
	x.done.Type = result.Redirect
	location := x.Request.Scheme + "://" + cdn.POPName(pop, x.named().Domain)
	if port := x.edge.publicPort(x.Request.Scheme); port != 0 {
		location += ":" + strconv.Itoa(port)
	}
	resp := x.page(302, "The edge location "+pop+" is nearer to you.")
	resp.Header.Add("Location", location+x.asked.URI())
	resp.Header.Add("Cache-Control", "private, max-age=60") // as long as a DNS answer
	return resp
}

// betterPOP is where a viewer is sent, "" where it is answered here.
func (x *exchange) betterPOP() string {
	find := x.edge.cfg.Elsewhere
	if find == nil || x.level != tier.Viewer || x.Request.Method != "GET" && x.Request.Method != "HEAD" || x.Request.Upgrade != "" || x.Behavior.Private {
		return ""
	}
	if pop, _ := x.state.AtPOP(x.Request.Host); pop != "" || x.asked.Host != x.Request.Host { // or d….localhost
		return ""
	}
	return find(x.Request.Viewer.Addr(), x.named())
}

// named is the distribution whose name was asked for.
func (x *exchange) named() *cdn.Plan { return cmp.Or(x.staged.primary, x.Plan) }

// publicPort is the port by which viewers reach a scheme, 0 for the scheme's own.
func (e *Edge) publicPort(scheme string) int {
	usual := map[string]int{"http": 80, "https": 443}[scheme]
	for _, port := range e.ports(scheme) {
		if port != usual {
			return port
		}
	}
	return 0
}
