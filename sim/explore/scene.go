package explore

import (
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// item is something that viewers ask for.
type item struct {
	distribution, key string
	// uris are the ways to ask for it, each a list: what the viewer asked for, and
	// what was made of it.
	uris     [][]string
	variants int
	sliced   bool
	fails    bool // the origin's answer is now and then an error, which is cached
}

// scene is what all worlds share: it never changes.
type scene struct {
	items []item
	paths []string // what is invalidated
	first *cdn.State
}

// The distributions: strict is not served without a lease; lenient is in some worlds,
// on and off.
const strict, lenient = "E1", "E2"

var distributions = [...]string{strict, lenient}

// config is a distribution's with one origin, which it is asked from.
func config(origin int) string {
	return strings.Replace(configuration, "origin.test", originName(origin), 1)
}

func originName(n int) string { return "o" + strconv.Itoa(n) + ".test" }

// originOf is which origin a plan asks.
func originOf(plan *cdn.Plan) int {
	name := plan.Origins[0].Domain
	n, _ := strconv.Atoi(name[1 : len(name)-len(".test")]) // originName made it
	return n
}

const configuration = `<DistributionConfig><CallerReference>x</CallerReference><Enabled>true</Enabled>` +
	`<Origins><Items><Origin><Id>o</Id><DomainName>origin.test</DomainName><CustomOriginConfig><HTTPPort>80</HTTPPort>` +
	`<HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins>` +
	`<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>` +
	`<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`

func newScene() (*scene, error) {
	s := &scene{
		items: []item{
			{distribution: strict, key: "a", uris: [][]string{{"/a"}}, variants: 1},
			{distribution: strict, key: "b", uris: [][]string{{"/p/b"}}, variants: 1, fails: true},
			{distribution: strict, key: "v", uris: [][]string{{"/p/v"}}, variants: 2},
			{distribution: strict, key: "large", uris: [][]string{{"/large"}}, variants: 1, sliced: true},
			{distribution: strict, key: "w", uris: [][]string{{"/w1", "/w"}, {"/w2", "/w"}}, variants: 1},
			{distribution: lenient, key: "s", uris: [][]string{{"/s"}}, variants: 1},
			{distribution: lenient, key: "t", uris: [][]string{{"/p/t"}}, variants: 1, fails: true},
		},
		paths: []string{"/a", "/a", "/p/*", "/p/b", "/p/v", "/large", "/large", "/w", "/w1", "/w2", "/s", "/s", "/p/t", "/*"},
		first: cdn.NewState(1),
	}
	for _, id := range distributions {
		change, err := cdn.NewChange(cdn.KindDistributionPut, put(id, 0, cdn.Confirm), time.Unix(0, 0))
		if err != nil {
			return nil, err
		}
		change.Version = s.first.Version.Next()
		if s.first, err = s.first.Apply(change); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// put is a distribution as a change has it.
func put(id string, origin int, when cdn.WhenIsolated) cdn.Distribution {
	return cdn.Distribution{
		ID: id, Domain: strings.ToLower(id) + ".warmfront.test", Config: config(origin),
		Tags: map[string]string{cdn.WhenIsolatedTag: when.String()},
	}
}

// matches reports whether an invalidation of a path is one of a URI.
func matches(path, uri string) bool {
	if n := len(path) - 1; path[n] == '*' {
		return len(uri) >= n && uri[:n] == path[:n]
	}
	return path == uri
}

// etag is the origin's name for a version of an item.
func etag(version int64) message.Header {
	return message.Header{{Name: "ETag", Value: `"` + strconv.FormatInt(version, 10) + `"`}}
}
