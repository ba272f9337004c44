package privatekey

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/edge/fieldencryption"
)

// maxForm bounds what is read: a form of CloudFront's, each byte of it encrypted.
const maxForm = 64 << 20

// decryptedField is a field of a form as it was before it came to an edge.
type decryptedField struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	Encrypted bool   `json:"encrypted"`
	Provider  string `json:"provider,omitempty"`
	KeyName   string `json:"key_name,omitempty"`
}

// NewDecrypt makes `warmfront decrypt`.
func NewDecrypt(g *cli.Global) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "decrypt [FILE] --key FILE",
		Short: "Decrypt the fields of a form that field-level encryption has encrypted",
		Long: "Decrypt the fields of a form that field-level encryption has encrypted, as an application behind the origin does with the\n" +
			"AWS Encryption SDK. What is read, from FILE or from the standard input, is a form as the origin got it\n" +
			"(application/x-www-form-urlencoded), or the value of one field, in base64. Fields that are not encrypted are printed as they are.",
		Example: "  warmfront decrypt body.txt --key private.pem",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if len(args) > 0 {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			return decrypt(cmd, g, in, key)
		},
	}
	c.Flags().StringVar(&key, "key", "", "private key, in a PEM file: that of the public key that the profile names")
	_ = c.MarkFlagRequired("key") // it is a flag of this command
	return c
}

func decrypt(cmd *cobra.Command, g *cli.Global, in io.Reader, keyFile string) error {
	signer, err := readSigningKey(keyFile)
	if err != nil {
		return err
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return fmt.Errorf("--key: %s is no RSA key: fields are encrypted for RSA keys alone", keyFile)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxForm+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxForm:
		return errors.New("this is longer than any form that an edge forwards")
	}
	fields, err := decryptFields(strings.TrimSpace(string(text)), key)
	if err != nil {
		return err
	}
	return g.Print(cmd, fields, func(w *tabwriter.Writer) {
		for _, f := range fields {
			if f.Name != "" {
				_, _ = fmt.Fprint(w, f.Name+"=")
			}
			_, _ = fmt.Fprintln(w, f.Value)
		}
	})
}

// decryptFields reads a form, or one field's value.
func decryptFields(text string, key *rsa.PrivateKey) ([]decryptedField, error) {
	if m, err := base64.StdEncoding.DecodeString(text); err == nil && fieldencryption.IsMessage(m) {
		f, err := decryptField("", m, key)
		return []decryptedField{f}, err
	}
	var fields []decryptedField
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("this is neither a form nor an encrypted field: %w", err)
		}
		m, err := base64.StdEncoding.DecodeString(value)
		if err != nil || !fieldencryption.IsMessage(m) {
			fields = append(fields, decryptedField{Name: name, Value: value})
			continue
		}
		f, err := decryptField(name, m, key)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func decryptField(name string, m []byte, key *rsa.PrivateKey) (decryptedField, error) {
	opened, err := fieldencryption.Open(m, key)
	if err != nil {
		if name != "" {
			return decryptedField{}, fmt.Errorf("the field %q cannot be decrypted: %w", name, err)
		}
		return decryptedField{}, fmt.Errorf("the field cannot be decrypted: %w", err)
	}
	return decryptedField{name, string(opened.Value), true, opened.Provider, opened.Key}, nil
}
