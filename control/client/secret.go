package client

import (
	"context"
	"errors"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/wire"
)

// Secret asks control for what is secret of a resource. Control decides whether
// it is for a node of this role.
func (c *Client) Secret(ctx context.Context, kind cdn.ResourceKind, id string) (string, error) {
	s := c.session.Load()
	if s == nil {
		return "", errors.New("the node has not joined yet")
	}
	var answer wire.SecretAnswer
	err := c.post(ctx, s.slow, wire.PathSecret, wire.SecretRequest{Kind: kind, ID: id}, &answer)
	if err == nil && answer.Secret == "" {
		err = errors.New("control has no secret of " + string(kind) + " " + id)
	}
	return answer.Secret, err
}
