package explore

import (
	"strconv"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// item is something that viewers ask for.
type item struct {
	key string
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

const distribution = "E1"

// config is a distribution with one origin.
const config = `<DistributionConfig><CallerReference>x</CallerReference><Enabled>true</Enabled>` +
	`<Origins><Items><Origin><Id>o</Id><DomainName>origin.test</DomainName><CustomOriginConfig><HTTPPort>80</HTTPPort>` +
	`<HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins>` +
	`<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>` +
	`<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`

func newScene() (*scene, error) {
	s := &scene{
		items: []item{
			{key: "a", uris: [][]string{{"/a"}}, variants: 1},
			{key: "b", uris: [][]string{{"/p/b"}}, variants: 1, fails: true},
			{key: "v", uris: [][]string{{"/p/v"}}, variants: 2},
			{key: "large", uris: [][]string{{"/large"}}, variants: 1, sliced: true},
			{key: "w", uris: [][]string{{"/w1", "/w"}, {"/w2", "/w"}}, variants: 1},
		},
		paths: []string{"/a", "/a", "/p/*", "/p/b", "/p/v", "/large", "/large", "/w", "/w1", "/w2", "/*"},
	}
	change, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{ID: distribution, Domain: "d1.warmfront.test", Config: config}, time.Unix(0, 0))
	if err != nil {
		return nil, err
	}
	change.Version = cdn.Version{Epoch: 1, Number: 1}
	s.first, err = cdn.NewState(1).Apply(change)
	return s, err
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
