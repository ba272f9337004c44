package distribution

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// moves are where origins are here, by what --origin gave.
type moves struct {
	from, to []string
	used     []bool
}

func newMoves(given []string) (*moves, error) {
	m := &moves{}
	for _, g := range given {
		from, to, ok := strings.Cut(g, "=")
		if !ok || from == "" || to == "" {
			return nil, fmt.Errorf("--origin %s: give OLD=NEW, such as api.example.com=http://127.0.0.1:3000", g)
		}
		m.from, m.to = append(m.from, from), append(m.to, to)
	}
	m.used = make([]bool, len(m.from))
	return m, nil
}

// of returns where an origin is here, "" if that was not given.
func (m *moves) of(o *types.Origin) string {
	for i, from := range m.from {
		if strings.EqualFold(from, aws.ToString(o.DomainName)) || from == aws.ToString(o.Id) {
			m.used[i] = true
			return m.to[i]
		}
	}
	return ""
}

// unused refuses moves of origins that nothing has.
func (m *moves) unused() error {
	if i := slices.Index(m.used, false); i >= 0 {
		return fmt.Errorf("--origin %s=%s: there is no origin with that host name or id", m.from[i], m.to[i])
	}
	return nil
}

// moveOrigins puts origins where they are here. An origin keeps its id, path and
// headers; what else is about how it is reached is that of the new place.
func (im *importer) moveOrigins(config *types.DistributionConfig) error {
	for i := range config.Origins.Items {
		o := &config.Origins.Items[i]
		to := im.origins.of(o)
		if to == "" {
			continue
		}
		old := aws.ToString(o.DomainName)
		moved := types.Origin{Id: o.Id, OriginPath: o.OriginPath, CustomHeaders: o.CustomHeaders,
			ConnectionAttempts: o.ConnectionAttempts, ConnectionTimeout: o.ConnectionTimeout, OriginShield: o.OriginShield}
		domain := to
		if bucket, ok := strings.CutPrefix(to, "s3://"); ok {
			domain = strings.TrimSuffix(bucket, "/") + ".s3.us-east-1.amazonaws.com"
		}
		if isBucket(domain) {
			moved.DomainName, moved.S3OriginConfig = &domain, &types.S3OriginConfig{OriginAccessIdentity: aws.String("")}
			if o.S3OriginConfig != nil {
				moved.S3OriginConfig, moved.OriginAccessControlId = o.S3OriginConfig, o.OriginAccessControlId
			}
		} else if err := customOrigin(&moved, domain); err != nil {
			return err
		}
		*o = moved
		im.changed("the origin %s is at %s, not %s", aws.ToString(o.Id), to, old)
	}
	return nil
}
