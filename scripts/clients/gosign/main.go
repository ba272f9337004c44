// Command gosign signs URLs and cookies with AWS's own library for Go, for
// scripts/clients/signatures.py, which has an edge judge them:
//
//	gosign URL EXPIRES KEY=ID…
//
// EXPIRES is in seconds since 1970, and each KEY a private key in PEM, RSA or ECDSA. It prints
// a JSON document for each signature: what it is, the URL, and the cookies if it is in cookies.
package main

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"
)

// signature is one that was made.
type signature struct {
	What    string            `json:"what"`
	Key     string            `json:"key"`
	URL     string            `json:"url"`
	Cookies map[string]string `json:"cookies,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gosign:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: gosign URL EXPIRES KEY=ID…")
	}
	seconds, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, arg := range args[2:] {
		file, id, _ := strings.Cut(arg, "=")
		key, err := read(file)
		if err != nil {
			return err
		}
		made, err := all(key, file, id, args[0], time.Unix(seconds, 0))
		if err != nil {
			return err
		}
		for _, s := range made {
			if err := out.Encode(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func read(file string) (crypto.Signer, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return sign.LoadPEMPrivKeyPKCS8AsSigner(f)
}

// all signs everything that the library can with a key.
func all(key crypto.Signer, file, id, url string, expires time.Time) ([]signature, error) {
	policy := func() *sign.Policy {
		return &sign.Policy{Statements: []sign.Statement{{Resource: url[:strings.LastIndexByte(url, '/')] + "/*", Condition: sign.Condition{
			DateLessThan: sign.NewAWSEpochTime(expires), DateGreaterThan: sign.NewAWSEpochTime(expires.Add(-24 * time.Hour)),
			IPAddress: &sign.IPAddress{SourceIP: "127.0.0.0/8"}}}}}
	}
	signer := sign.NewURLSigner(id, key)
	canned, err1 := signer.Sign(url, expires)
	custom, err2 := signer.SignWithPolicy(url, policy())
	made := []signature{{"canned URL", file, canned, nil}, {"custom URL", file, custom, nil}}
	private, isRSA := key.(*rsa.PrivateKey)
	if err := errors.Join(err1, err2); err != nil || !isRSA {
		return made, err
	}
	inCookies := sign.NewCookieSigner(id, private)
	cannedCookies, err1 := inCookies.Sign(url, expires)
	customCookies, err2 := inCookies.SignWithPolicy(policy())
	return append(made, signature{"canned cookies", file, url, values(cannedCookies)}, signature{"custom cookies", file, url, values(customCookies)}), errors.Join(err1, err2)
}

func values(cookies []*http.Cookie) map[string]string {
	all := map[string]string{}
	for _, c := range cookies {
		all[c.Name] = c.Value
	}
	return all
}
