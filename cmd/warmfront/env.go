package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/network/statefolder"
)

func newEnv(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell exports that point AWS tools at the running network",
		Long: "Print shell exports that point AWS tools at the running network. The AWS CLI reads AWS_ENDPOINT_URL from 1.29 and 2.13 on;\n" +
			"give an older one, such as Debian 12's, --endpoint-url \"$AWS_ENDPOINT_URL\", or \"$AWS_ENDPOINT_URL_S3\" for s3 and s3api.",
		Example: "  eval \"$(warmfront env)\"\n  aws s3 ls",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := statefolder.Folder(g.Data).Running()
			if err != nil {
				return err
			}
			vars, err := environment(statefolder.Folder(g.Data), running)
			if err != nil {
				return err
			}
			for _, v := range vars {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\n", v.name, shellQuote(v.value)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

type variable struct{ name, value string }

// environment is what AWS's tools, and scripts run by `up --exec`, need to know.
func environment(folder statefolder.Folder, running statefolder.Running) ([]variable, error) {
	key, err := folder.AccessKey()
	if err != nil {
		return nil, err
	}
	config, err := filepath.Abs(folder.Join("aws-config"))
	if err != nil {
		return nil, err
	}
	// Path-style addresses, because bucket.127.0.0.1 is no name; SigV4 for
	// presigned URLs, where old clients still default to version 2.
	text := "[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\n  signature_version = s3v4\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	data, err := filepath.Abs(string(folder))
	if err != nil {
		return nil, err
	}
	return []variable{
		{"AWS_ACCESS_KEY_ID", key.ID},
		{"AWS_SECRET_ACCESS_KEY", key.Secret},
		{"AWS_REGION", "us-east-1"},
		{"AWS_DEFAULT_REGION", "us-east-1"},
		{"AWS_ENDPOINT_URL", running.Control},
		{"AWS_ENDPOINT_URL_CLOUDFRONT", running.Control},
		{"AWS_ENDPOINT_URL_STS", running.Control},
		{"AWS_ENDPOINT_URL_IAM", running.Control},
		{"AWS_ENDPOINT_URL_ACM", running.Control},
		{"AWS_ENDPOINT_URL_ROUTE_53", running.Control},
		{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", running.Control},
		// Clients put the account before this name: it has to be one, and no address.
		{"AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE", strings.Replace(running.Control, "127.0.0.1", "localhost", 1)},
		{"AWS_ENDPOINT_URL_S3", running.S3},
		{"AWS_CONFIG_FILE", config},
		{"AWS_EC2_METADATA_DISABLED", "true"},
		{"WARMFRONT_DATA", data},
		{"WARMFRONT_ENDPOINT", running.Control},
		{"WARMFRONT_CA", running.CA},
		{"WARMFRONT_DNS", running.DNS},
		{"WARMFRONT_PROXY", running.Proxy},
		{"WARMFRONT_DOMAIN", running.Domain},
		{"WARMFRONT_DISTRIBUTION", running.Distribution},
	}, nil
}

// shellQuote makes one word of s for a POSIX shell.
func shellQuote(s string) string {
	quoted := "'"
	for _, r := range s {
		if r == '\'' {
			quoted += `'\''`
			continue
		}
		quoted += string(r)
	}
	return quoted + "'"
}
