package main

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
)

// signFlags say what is signed, by whom and for how long.
type signFlags struct {
	key, keyID, resource, ip string
	lifetime, delay          time.Duration
	cookies                  bool
}

// newSign makes `warmfront sign`.
func newSign(g *cli.Global) *cobra.Command {
	var f signFlags
	c := &cobra.Command{
		Use:   "sign URL --key FILE --key-pair-id K…",
		Short: "Sign a URL, or cookies, for private content",
		Long: "Sign a URL for a behavior with trusted key groups, as AWS's signers do. With --resource, --ip or --starts-in the policy is\n" +
			"a custom one, else a canned one. The time is this machine's.",
		Example: "  warmfront sign https://d111111abcdef8.warmfront.test/film.mp4 --key private.pem --key-pair-id K2JCJMDEHXQW5F --expires-in 10m\n" +
			"  warmfront sign 'https://d111111abcdef8.warmfront.test/live/1.ts' --resource 'https://d111111abcdef8.warmfront.test/live/*' --cookies --key private.pem --key-pair-id K2JCJMDEHXQW5F",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return signURL(cmd, g, f, args[0]) },
	}
	flags := c.Flags()
	flags.StringVar(&f.key, "key", "", "private key, in a PEM file: RSA, or ECDSA on P-256 (PKCS #1 or #8)")
	flags.StringVar(&f.keyID, "key-pair-id", "", "id of its public key, as create-public-key gave it")
	flags.DurationVar(&f.lifetime, "expires-in", time.Hour, "how long from now the signature is valid")
	flags.DurationVar(&f.delay, "starts-in", 0, "how long from now on it is valid")
	flags.StringVar(&f.ip, "ip", "", "address or range of the viewers it is for (203.0.113.0/24)")
	flags.StringVar(&f.resource, "resource", "", "URLs it is for, with * and ? as wildcards (default: the URL)")
	flags.BoolVar(&f.cookies, "cookies", false, "print cookies instead of a URL")
	for _, name := range []string{"key", "key-pair-id"} {
		_ = c.MarkFlagRequired(name) // it is a flag of this command
	}
	return c
}

func signURL(cmd *cobra.Command, g *cli.Global, f signFlags, url string) error {
	key, err := readSigningKey(f.key)
	if err != nil {
		return err
	}
	now := time.Now()
	if f.lifetime <= f.delay {
		return errors.New("--expires-in must be later than --starts-in, and later than now")
	}
	if f.cookies {
		return signCookies(cmd, g, f, key, url, now)
	}
	signer := sign.NewURLSigner(f.keyID, key)
	var signed string
	if f.custom() {
		signed, err = signer.SignWithPolicy(url, f.policy(url, now))
	} else {
		signed, err = signer.Sign(url, now.Add(f.lifetime))
	}
	if err != nil {
		return fmt.Errorf("signing %s: %w", url, err)
	}
	return g.Print(cmd, map[string]string{"url": signed}, func(w *tabwriter.Writer) { cli.Row(w, signed) })
}

func signCookies(cmd *cobra.Command, g *cli.Global, f signFlags, key crypto.Signer, url string, now time.Time) error {
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return fmt.Errorf("--cookies needs an RSA key; %s is another; sign URLs with it, or make an RSA key of 2048 bits", f.key)
	}
	signer := sign.NewCookieSigner(f.keyID, private)
	var made []*http.Cookie
	var err error
	if f.custom() {
		made, err = signer.SignWithPolicy(f.policy(url, now))
	} else {
		made, err = signer.Sign(url, now.Add(f.lifetime))
	}
	if err != nil {
		return fmt.Errorf("signing cookies for %s: %w", url, err)
	}
	values := map[string]string{}
	for _, c := range made {
		values[c.Name] = c.Value
	}
	return g.Print(cmd, values, func(w *tabwriter.Writer) {
		for _, c := range made {
			cli.Row(w, c.Name+"="+c.Value)
		}
	})
}

func (f signFlags) custom() bool { return f.resource != "" || f.ip != "" || f.delay > 0 }

func (f signFlags) policy(url string, now time.Time) *sign.Policy {
	if f.resource != "" {
		url = f.resource
	}
	s := sign.Statement{Resource: url, Condition: sign.Condition{DateLessThan: sign.NewAWSEpochTime(now.Add(f.lifetime))}}
	if f.delay > 0 {
		s.Condition.DateGreaterThan = sign.NewAWSEpochTime(now.Add(f.delay))
	}
	if f.ip != "" {
		s.Condition.IPAddress = &sign.IPAddress{SourceIP: f.ip}
	}
	return &sign.Policy{Statements: []sign.Statement{s}}
}

// readSigningKey reads a private key in either of its PEM forms.
func readSigningKey(path string) (crypto.Signer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	defer file.Close()
	if key, err := sign.LoadPEMPrivKey(file); err == nil {
		return key, nil
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	key, err := sign.LoadPEMPrivKeyPKCS8AsSigner(file)
	if err != nil {
		return nil, fmt.Errorf("--key: %s holds no private key in PEM form that can be read (%w); make one with: openssl genrsa -out %s 2048", path, err, path)
	}
	return key, nil
}
