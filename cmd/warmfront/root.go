package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/cmd/warmfront/distribution"
	"github.com/warmfront/warmfront/cmd/warmfront/key"
	"github.com/warmfront/warmfront/cmd/warmfront/privatekey"
	"github.com/warmfront/warmfront/cmd/warmfront/top"
)

func newRoot() *cobra.Command {
	g := &cli.Global{}
	root := &cobra.Command{
		Use:   "warmfront",
		Short: "The CloudFront you can run",
		Long: "Warmfront runs a whole content delivery network: authoritative geo DNS, edge caches in real cities,\n" +
			"an origin, and a control plane that speaks CloudFront's own API.\n\n" +
			"Start with: warmfront up",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := flagsFromEnvironment(cmd); err != nil {
				return err
			}
			if g.Output != "text" && g.Output != "json" {
				return fmt.Errorf("--output %q: use text or json", g.Output)
			}
			return nil
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.Data, "data", ".warmfront", "state folder")
	flags.StringVar(&g.Endpoint, "endpoint", "", "control's address (default: the network that runs from the state folder, else http://127.0.0.1:8800)")
	flags.StringVar(&g.KeyFile, "access-key-file", "", "access key, in the form of AWS's shared credentials file (default: the state folder's, else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
	flags.StringVarP(&g.Output, "output", "o", "text", "how to print: text or json")
	flags.StringVar(&g.LogLevel, "log-level", "info", "what to log: debug, info, warn or error")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a network:"},
		&cobra.Group{ID: "use", Title: "Use one:"},
		&cobra.Group{ID: "role", Title: "Run one role, as containers and hosts do:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", newUp(g), newDown(g), newEnv(g), newDemo(g))
	add("use", distribution.New(g), distribution.NewImport(g), distribution.NewInvalidate(g), distribution.NewInvalidations(g), newGet(g), privatekey.NewSign(g), privatekey.NewDecrypt(g), newExplain(g), newNodes(g), top.New(g), key.New(g), newFault(g), newClock(g))
	add("role", newControl(g), newRouter(g), newEdge(g), newOrigin(g), newProxy(g), newHealthcheck(g))
	root.AddCommand(newMan(root))
	for _, c := range root.Commands() {
		sayUsage(c)
	}
	return root
}

// sayUsage has a command that is given wrong arguments say what would be right,
// and a group of commands refuse what is none of them.
func sayUsage(c *cobra.Command) {
	for _, sub := range c.Commands() {
		sayUsage(sub)
	}
	if c.HasSubCommands() && !c.Runnable() {
		c.Args, c.RunE = cobra.NoArgs, func(c *cobra.Command, _ []string) error { return c.Help() }
		c.DisableFlagsInUseLine = true
		return
	}
	check := c.Args
	if check == nil {
		return
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return fmt.Errorf("%w; usage: %s", err, c.UseLine())
		}
		return nil
	}
}

// flagsFromEnvironment lets every flag be given as WARMFRONT_<FLAG>, dashes as
// underscores; a flag on the command line wins.
func flagsFromEnvironment(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "WARMFRONT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := os.LookupEnv(name); ok && !f.Changed {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s=%q: %w", name, v, err))
			}
		}
	})
	return errors.Join(errs...)
}

// explain makes one sentence for a person of an error.
func explain(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		said := fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage())
		if api.ErrorCode() == "NoSuchDistribution" {
			said += " See `warmfront distribution list`."
		}
		return said
	}
	var sent *url.Error // beneath what the SDK says of attempts and operations
	if errors.As(err, &sent) && errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Sprintf("control does not answer: %v (is the network up? try: warmfront up)", sent)
	}
	return err.Error()
}

func newMan(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return doc.GenManTree(root, &doc.GenManHeader{Title: "WARMFRONT", Section: "1"}, args[0])
		},
	}
}
