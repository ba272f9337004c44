package privatekey

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/edge/private"
	"github.com/warmfront/warmfront/network/statefolder"
)

// signFlags say what is signed, by whom and for how long.
type signFlags struct {
	key, keyID, hash            string
	resource, ip, policy, clock string
	lifetime, delay             time.Duration
	cookies                     bool
}

// NewSign makes `warmfront sign`.
func NewSign(g *cli.Global) *cobra.Command {
	var f signFlags
	c := &cobra.Command{
		Use:   "sign URL --key FILE --key-pair-id K…",
		Short: "Sign a URL, or cookies, for private content",
		Long: "Sign a URL for a behavior with trusted key groups or signers, as AWS's tools do. With --resource, --ip, --starts-in or\n" +
			"--policy the policy is a custom one, else a canned one.\n\n" +
			"Times count from the time of the network that runs from the state folder (--data) or that --endpoint names, which\n" +
			"`warmfront clock advance` moves: what is signed for an hour is good for an hour there. Where there is no such network they\n" +
			"count from this machine's time; --now gives another one.",
		Example: "  warmfront sign https://d111111abcdef8.warmfront.test/film.mp4 --key private.pem --key-pair-id K2JCJMDEHXQW5F --expires-in 10m\n" +
			"  warmfront sign 'https://d111111abcdef8.warmfront.test/live/1.ts' --resource 'https://d111111abcdef8.warmfront.test/live/*' --cookies --key private.pem --key-pair-id K2JCJMDEHXQW5F",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return signURL(cmd, g, f, args[0]) },
	}
	flags := c.Flags()
	flags.StringVar(&f.key, "key", "", "private key, in a PEM file: RSA, or ECDSA on P-256 (PKCS #1 or #8, SEC 1)")
	flags.StringVar(&f.keyID, "key-pair-id", "", "id of its public key, as create-public-key gave it")
	flags.StringVar(&f.hash, "hash", "SHA1", "SHA1, or SHA256, which the signature then says")
	flags.DurationVar(&f.lifetime, "expires-in", time.Hour, "how long from now the signature is valid")
	flags.DurationVar(&f.delay, "starts-in", 0, "how long from now on it is valid")
	flags.StringVar(&f.ip, "ip", "", "address or range of the viewers it is for (203.0.113.0/24)")
	flags.StringVar(&f.resource, "resource", "", "URLs it is for, with * and ? as wildcards (default: the URL)")
	flags.StringVar(&f.policy, "policy", "", "sign the policy in this `file`, as it is")
	flags.StringVar(&f.clock, "now", "", "the `time` that the others count from, such as 2026-03-01T12:00:00Z (default: the network's)")
	flags.BoolVar(&f.cookies, "cookies", false, "print cookies instead of a URL")
	for _, name := range []string{"key", "key-pair-id"} {
		_ = c.MarkFlagRequired(name) // it is a flag of this command
	}
	for _, name := range []string{"resource", "ip", "starts-in", "expires-in", "now"} {
		c.MarkFlagsMutuallyExclusive("policy", name)
	}
	return c
}

func signURL(cmd *cobra.Command, g *cli.Global, f signFlags, url string) error {
	if !strings.Contains(url, "://") {
		return fmt.Errorf("%q is not a URL that begins with https:// or http://", url)
	}
	if f.lifetime <= f.delay {
		return errors.New("--expires-in must be later than --starts-in, and later than now")
	}
	signer, err := readSigningKey(f.key)
	if err != nil {
		return err
	}
	s, err := f.sign(cmd, g, private.Key{ID: f.keyID, Signer: signer, Hash: f.hash}, url)
	if err != nil {
		return fmt.Errorf("signing %s: %w", url, err)
	}
	if !f.cookies {
		signed := s.URL(url)
		return g.Print(cmd, map[string]string{"url": signed}, func(w *tabwriter.Writer) { cli.Row(w, signed) })
	}
	values := map[string]string{}
	for _, c := range s.CookiePairs() {
		values[c[0]] = c[1]
	}
	return g.Print(cmd, values, func(w *tabwriter.Writer) {
		for _, c := range s.CookiePairs() {
			cli.Row(w, c[0]+"="+c[1])
		}
	})
}

func (f signFlags) sign(cmd *cobra.Command, g *cli.Global, k private.Key, url string) (s private.Signature, err error) {
	if f.policy != "" {
		policy, err := os.ReadFile(f.policy)
		if err != nil {
			return s, fmt.Errorf("--policy: %w", err)
		}
		return private.SignCustom(k, policy)
	}
	now, err := f.now(cmd, g)
	if err != nil {
		return s, err
	}
	if f.resource == "" && f.ip == "" && f.delay == 0 {
		return private.SignCanned(k, url, now.Add(f.lifetime))
	}
	terms := private.Terms{Resource: cmp.Or(f.resource, url), Until: now.Add(f.lifetime), Viewers: f.ip}
	if f.delay > 0 {
		terms.From = now.Add(f.delay)
	}
	policy, err := terms.Policy()
	if err != nil {
		return s, err
	}
	return private.SignCustom(k, policy)
}

// now is the time that signatures are judged by where they are used: of the network that is
// named or runs from the state folder. That it was moved, or cannot be asked for, is said.
func (f signFlags) now(cmd *cobra.Command, g *cli.Global) (time.Time, error) {
	if f.clock != "" {
		t, err := time.Parse(time.RFC3339, f.clock)
		if err != nil {
			return t, fmt.Errorf("--now: %q is no time such as 2026-03-01T12:00:00Z", f.clock)
		}
		return t, nil
	}
	_, err := statefolder.Folder(g.Data).Running()
	if err != nil && g.Endpoint == "" && os.Getenv("AWS_ENDPOINT_URL_CLOUDFRONT") == "" {
		return time.Now(), nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
	defer cancel()
	var clock operator.Clock
	c, err := g.Client()
	if err == nil {
		err = c.Operator(ctx, http.MethodGet, "/warmfront/v1/clock", nil, &clock)
	}
	var refused *cli.Refused
	switch {
	case errors.As(err, &refused) && refused.Code == "NotASandbox": // nobody moves its time
	case err != nil:
		cmd.PrintErrf("warmfront: times count from this machine's time: the network's is not to be had: %v\n", err)
	case clock.Ahead != 0:
		cmd.PrintErrf("warmfront: times count from the network's time, %s, which is %v ahead\n", clock.Now.Format(time.RFC3339), clock.Ahead)
		return clock.Now, nil
	}
	return time.Now(), nil
}

// readSigningKey reads a private key in one of its PEM forms.
func readSigningKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
	}
	return nil, fmt.Errorf("--key: %s holds no private key in PEM form that can be read; make one with: openssl genrsa -out %s 2048", path, path)
}
