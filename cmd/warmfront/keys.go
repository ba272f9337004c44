package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/network"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/router"
	"github.com/warmfront/warmfront/router/dnssec"
)

// keysFile is where keys are unless --keys says otherwise, in the state folder.
const keysFile = "dnssec-keys.pem"

// keyed are the commands about keys, which are all in one file.
type keyed struct {
	*cli.Global
	file string
}

func (k *keyed) path() string {
	if k.file != "" {
		return k.file
	}
	return statefolder.Folder(k.Data).Join(keysFile)
}

func newKeys(g *cli.Global) *cobra.Command {
	k := &keyed{Global: g}
	c := &cobra.Command{
		Use: "keys", Short: "Make and show the keys that routers sign answers with (DNSSEC)",
		Long: "Make and show the keys that routers sign answers with (DNSSEC): one for each zone, which signs everything in it. Every\n" +
			"router of a network is given the same file, with --dnssec. It is nobody else's business: it goes neither into the\n" +
			"journal nor over the network. The parent zone is given what `show` prints as DS.",
		Example: "  warmfront router keys create --zone warmfront.test\n" +
			"  warmfront router keys show\n" +
			"  warmfront up --dnssec .warmfront/" + keysFile,
	}
	c.PersistentFlags().StringVar(&k.file, "keys", "", "file of the keys (default: "+keysFile+" in the state folder)")
	c.AddCommand(newKeysCreate(k), newKeysList(k), newKeysShow(k), newKeysRoll(k), newKeysRetire(k))
	return c
}

func newKeysCreate(k *keyed) *cobra.Command {
	var zone string
	var more []string
	c := &cobra.Command{
		Use: "create", Short: "Make a file with a new key for each zone, which must not be there yet", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var keys dnssec.Keys
			for _, z := range append([]string{zone}, more...) {
				key, err := dnssec.Generate(z, time.Now())
				if err != nil {
					return err
				}
				keys = append(keys, key)
			}
			// What no router would take is not begun.
			if err := (router.Config{Zone: zone, AliasZones: more, Keys: keys}).Check(); err != nil {
				return err
			}
			if k.file == "" {
				if err := statefolder.Folder(k.Data).Make(); err != nil {
					return err
				}
			}
			err := dnssec.CreateFile(k.path(), keys)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already, and whoever has its DS needs its keys: see them with `warmfront router keys show`, replace them with `roll`, or give another file with --keys", k.path())
			}
			if err != nil {
				return err
			}
			return k.print(cmd, keys)
		},
	}
	c.Flags().StringVar(&zone, "zone", network.DefaultZone, "domain the network is authoritative for")
	c.Flags().StringSliceVar(&more, "zone-for-aliases", nil, "further domain that routers are authoritative for; repeatable")
	return c
}

func newKeysList(k *keyed) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := dnssec.ReadFile(k.path())
			if err != nil {
				return err
			}
			return k.Print(cmd, described(keys), func(w *tabwriter.Writer) {
				cli.Row(w, "ZONE", "TAG", "ALGORITHM", "CREATED")
				for _, key := range described(keys) {
					cli.Row(w, key.Zone, key.Tag, key.Algorithm, key.Created.Format(time.RFC3339))
				}
			})
		},
	}
}

func newKeysShow(k *keyed) *cobra.Command {
	return &cobra.Command{
		Use: "show [ZONE]", Short: "Show the keys with the DS records that the parent zones are to hold", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := dnssec.ReadFile(k.path())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if keys = keys.Of(args[0]); len(keys) == 0 {
					return fmt.Errorf("%s has no key of the zone %s", k.path(), args[0])
				}
			}
			return k.print(cmd, keys)
		},
	}
}

func newKeysRoll(k *keyed) *cobra.Command {
	return &cobra.Command{
		Use: "roll", Short: "Add a second key to each zone, to replace the first", Args: cobra.NoArgs,
		Long: "Add a second key to each zone, to replace the first. Both sign everything until the first is retired:\n" +
			"  1. roll, give every router the file, and send each SIGHUP;\n" +
			"  2. an hour later (the TTL of DNSKEY) have the parent replace the DS record by the new key's;\n" +
			"  3. when the old DS has expired everywhere (its TTL), retire the first key, and have the routers read the file again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return k.change(cmd, func(keys dnssec.Keys) (dnssec.Keys, error) { return keys.Roll(time.Now()) })
		},
	}
}

func newKeysRetire(k *keyed) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "retire TAG", Short: "Remove a key that another has replaced", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tag, err := strconv.ParseUint(args[0], 10, 16)
			if err != nil {
				return fmt.Errorf("%q is not a key's tag: see `warmfront router keys list`", args[0])
			}
			now := time.Now()
			if force {
				now = now.Add(dnssec.Known)
			}
			return k.change(cmd, func(keys dnssec.Keys) (dnssec.Keys, error) {
				left, err := keys.Retire(uint16(tag), now)
				if errors.Is(err, dnssec.ErrUnknown) {
					err = fmt.Errorf("%w, or give --force where no resolver has asked yet", err)
				}
				return left, err
			})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also if the key that is left has been known for less than an hour")
	return c
}

// change replaces the keys in the file by others.
func (k *keyed) change(cmd *cobra.Command, to func(dnssec.Keys) (dnssec.Keys, error)) error {
	keys, err := dnssec.ReadFile(k.path())
	if err != nil {
		return err
	}
	if keys, err = to(keys); err != nil {
		return err
	}
	if err := dnssec.ReplaceFile(k.path(), keys); err != nil {
		return err
	}
	return k.print(cmd, keys)
}

// describedKey is what may be known of a key.
type describedKey struct {
	Zone      string    `json:"zone"`
	Tag       uint16    `json:"tag"`
	Algorithm string    `json:"algorithm"`
	Created   time.Time `json:"created"`
	DNSKEY    string    `json:"dnskey"` // as in a zone file
	DS        string    `json:"ds"`     // the same
}

func described(keys dnssec.Keys) []describedKey {
	out := make([]describedKey, len(keys))
	for i, k := range keys {
		out[i] = describedKey{
			Zone: strings.TrimSuffix(k.Zone, "."), Tag: k.Tag(), Algorithm: dnssec.AlgorithmName, Created: k.Created,
			DNSKEY: oneLine(k.DNSKEY()), DS: oneLine(k.DS()),
		}
	}
	return out
}

// oneLine is a record as in a zone file, with single spaces.
func oneLine(rr fmt.Stringer) string { return strings.ReplaceAll(rr.String(), "\t", " ") }

// print writes keys in the form of a zone file.
func (k *keyed) print(cmd *cobra.Command, keys dnssec.Keys) error {
	return k.Print(cmd, described(keys), func(w *tabwriter.Writer) {
		cli.Row(w, "; "+k.path())
		for _, key := range described(keys) {
			cli.Row(w, fmt.Sprintf("; %s, key %d, made %s", key.Zone, key.Tag, key.Created.Format(time.RFC3339)))
			cli.Row(w, key.DNSKEY)
			cli.Row(w, "; for the parent zone:")
			cli.Row(w, key.DS)
		}
	})
}
