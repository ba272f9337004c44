package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"

	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/sigv4"
)

// Client talks to a running network's control.
type Client struct {
	Endpoint string
	Key      statefolder.AccessKey
	Running  statefolder.Running // zero unless it runs from the state folder
}

// Client returns a client of the network that the flags name, or that runs from the
// state folder.
func (g *Global) Client() (*Client, error) {
	c := &Client{Endpoint: strings.TrimSuffix(g.Endpoint, "/")}
	running, err := statefolder.Folder(g.Data).Running()
	if err == nil {
		c.Running = running
	}
	if c.Endpoint == "" {
		switch {
		case err == nil:
			c.Endpoint = running.Control
		case os.Getenv("AWS_ENDPOINT_URL_CLOUDFRONT") != "":
			c.Endpoint = strings.TrimSuffix(os.Getenv("AWS_ENDPOINT_URL_CLOUDFRONT"), "/")
		default:
			c.Endpoint = "http://127.0.0.1:8800"
		}
	}
	c.Key, err = g.AccessKey()
	return c, err
}

// AccessKey returns the key that the flags, the state folder or the environment give.
func (g *Global) AccessKey() (statefolder.AccessKey, error) {
	if g.KeyFile != "" {
		return statefolder.ReadAccessKey(g.KeyFile)
	}
	key, err := statefolder.ReadAccessKey(statefolder.Folder(g.Data).Join(statefolder.AccessKeyFile))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = statefolder.AccessKey{ID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	if key.ID == "" || key.Secret == "" {
		return key, fmt.Errorf("no access key: there is none in %s, and AWS_ACCESS_KEY_ID is not set; start a network with `warmfront up`, or give --data or --access-key-file", g.Data)
	}
	return key, nil
}

// Credentials returns the client's key.
func (c *Client) Credentials() sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: c.Key.ID, SecretAccessKey: c.Key.Secret}
}

// CloudFront is the AWS SDK's client, pointed here.
func (c *Client) CloudFront() *cloudfront.Client {
	return cloudfront.New(cloudfront.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(c.Endpoint),
		Retryer:      aws.NopRetryer{}, // control is here or it is not
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.Key.ID, SecretAccessKey: c.Key.Secret}, nil
		}),
	})
}

// Refused is what control's own interface answers to what it does not do.
type Refused struct{ Code, Message string }

func (r *Refused) Error() string { return r.Message }

// Operator calls control's own interface; in and out are JSON, in may be nil. Where control
// refuses, its error is a *Refused.
func (c *Client) Operator(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	sigv4.Sign(r, c.Credentials(), sigv4.Scope{Region: "us-east-1", Service: operator.Service}, hex.EncodeToString(sum[:]), time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		var refused Refused
		if json.Unmarshal(b, &refused) != nil || refused.Message == "" {
			return fmt.Errorf("control answers %s", answer.Status)
		}
		return &refused
	}
	return json.Unmarshal(b, out)
}
