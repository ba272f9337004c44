// Package distribution is the commands about distributions and invalidations:
// `warmfront distribution …`, `invalidate` and `invalidations`. They speak CloudFront's
// own API by the AWS SDK, and control's for what that has no word for: who has
// acknowledged a change, and who is waited for.
package distribution

import "github.com/warmfront/warmfront/cmd/warmfront/cli"

// global is the flags that every command has, with what only this package does by them.
type global struct{ *cli.Global }

// client is a client of control, with what only this package asks of it.
type client struct{ *cli.Client }

func (g *global) client() (*client, error) {
	c, err := g.Client()
	return &client{c}, err
}
