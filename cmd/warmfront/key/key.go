// Package key has the commands about access keys: `warmfront key create`, `list` and
// `delete`.
package key

import (
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/operator"
)

const path = "/warmfront/v1/access-keys"

// New returns the group of commands.
func New(g *cli.Global) *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Access keys for AWS tools and the S3 origin"}
	c.AddCommand(newCreate(g), newList(g), newDelete(g))
	return c
}

func newCreate(g *cli.Global) *cobra.Command {
	var asked operator.NewAccessKey
	c := &cobra.Command{
		Use:   "create",
		Short: "Make an access key and print it; its secret is shown this once",
		Long: "Make an access key and print it, in the form of AWS's shared credentials file (-o json: as JSON).\n" +
			"Its secret is shown this once: control keeps it encrypted. A key for the service warmfront can make further keys.",
		Example: "  warmfront key create --name ci --service s3,cloudfront > ci.key\n  warmfront --access-key-file ci.key distribution list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.Client()
			if err != nil {
				return err
			}
			var made accesskey.Key
			if err := client.Operator(cmd.Context(), http.MethodPost, path, asked, &made); err != nil {
				return err
			}
			return g.Print(cmd, made, func(w *tabwriter.Writer) {
				cli.Row(w, "[default]")
				cli.Row(w, "aws_access_key_id = "+made.ID)
				cli.Row(w, "aws_secret_access_key = "+made.Secret)
			})
		},
	}
	c.Flags().StringVar(&asked.Name, "name", "", "what to call it (default: made of its id)")
	c.Flags().StringSliceVar(&asked.Services, "service", nil, "service it is for, by AWS's name: "+strings.Join(accesskey.Services(), ", ")+"; repeatable (default: all)")
	return c
}

func newList(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List access keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.Client()
			if err != nil {
				return err
			}
			var all operator.AccessKeys
			if err := client.Operator(cmd.Context(), http.MethodGet, path, nil, &all); err != nil {
				return err
			}
			return g.Print(cmd, all.Keys, func(w *tabwriter.Writer) {
				cli.Row(w, "ID", "NAME", "SERVICES", "CREATED")
				for _, k := range all.Keys {
					name, created, services := k.Name, k.Created.Format(time.DateTime), strings.Join(k.Services, ",")
					if k.First {
						name, created = "(the first)", ""
					}
					if services == "" {
						services = "all"
					}
					cli.Row(w, k.ID, name, services, created)
				}
			})
		},
	}
}

func newDelete(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "delete ID|NAME", Short: "Delete an access key", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := g.Client()
			if err != nil {
				return err
			}
			return client.Operator(cmd.Context(), http.MethodDelete, path+"/"+url.PathEscape(args[0]), nil, &struct{}{})
		},
	}
}
