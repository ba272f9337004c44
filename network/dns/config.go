// Package dns makes a router's configuration of what an operator says and of what the geo
// databases know.
package dns

import (
	"fmt"
	"net/netip"

	"github.com/warmfront/warmfront/router"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/querylog"
	"github.com/warmfront/warmfront/router/ratelimit"
)

// Config is what an operator says of how routers answer. All routers of a network should
// be told the same.
type Config struct {
	// DNSSEC is a file of keys that answers are signed with; empty leaves them unsigned:
	// --dnssec. The keys are read when a router starts and go nowhere from there.
	DNSSEC string
	// AliasZones are further domains to be authoritative for, for aliases:
	// --zone-for-aliases.
	AliasZones []string
	// CAA says who may issue certificates for the zones: --caa.
	CAA []string
	// ECSTrusted are the resolvers whose client subnets count; nil is everybody:
	// --ecs-trusted.
	ECSTrusted []netip.Prefix
	// RateLimit is how many equal answers a second a network is sent; 0 is no limit:
	// --rate-limit.
	RateLimit int
	// Addresses is how many one answer has at most: --addresses. 0 is the default, four.
	Addresses int
	// Policy says what POPs are ranked by: "distance", which "" is too, or "latency", the round
	// trips that edges measure: --policy.
	Policy string
	// ClassOverflow sends viewers outside a price class of which every edge is down:
	// --class-overflow.
	ClassOverflow bool
	// QueryLog writes down what is asked and answered; nil writes nothing: --query-log,
	// --dnstap. One may be several routers'.
	QueryLog *querylog.Log
}

// Check returns what a router of a zone would refuse to start with.
func (c Config) Check(zone string) error {
	cfg, err := c.Router(zone)
	if err != nil {
		return err
	}
	return cfg.Check()
}

// Router returns the part of a router's configuration that follows from c. It reads the keys.
func (c Config) Router(zone string) (router.Config, error) {
	cfg := router.Config{
		Zone: zone, AliasZones: c.AliasZones, CAA: c.CAA, ECSTrusted: c.ECSTrusted, ClassOverflow: c.ClassOverflow, Addresses: c.Addresses, QueryLog: c.QueryLog,
		RateLimit: ratelimit.Default(c.RateLimit),
	}
	switch c.Policy {
	case "", "distance":
	case "latency":
		cfg.Latency = true
	default:
		return cfg, fmt.Errorf("--policy %q: use distance or latency", c.Policy)
	}
	if c.DNSSEC == "" {
		return cfg, nil
	}
	var err error
	if cfg.Keys, err = dnssec.ReadFile(c.DNSSEC); err != nil {
		return cfg, fmt.Errorf("--dnssec: %w", err)
	}
	return cfg, nil
}
