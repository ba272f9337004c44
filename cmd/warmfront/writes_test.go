package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/network/statefolder"
)

// killed is a real control that is killed again and again in the middle of writes,
// and what its callers know of it.
type killed struct {
	t      *testing.T
	folder statefolder.Folder
	addr   netip.Addr
	api    *sdk.Client
	cmd    *exec.Cmd
	log    bytes.Buffer
}

func newKilled(t *testing.T) *killed {
	t.Helper()
	k := &killed{t: t, folder: statefolder.Folder(t.TempDir())}
	// An address on loopback that no other test of this machine is at.
	k.addr = netip.AddrFrom4([4]byte{127, 234, byte(os.Getpid()%250 + 1), 1})
	key, err := k.folder.AccessKey()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := k.folder.ClusterSecret()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.folder.Join("secret"), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	k.api = sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(fmt.Sprintf("http://%s:8800", k.addr)), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
		}),
	})
	t.Cleanup(func() {
		k.kill()
		if t.Failed() {
			t.Logf("control said:\n%s", &k.log)
		}
	})
	return k
}

// start starts the control and waits until it answers.
func (k *killed) start() {
	k.t.Helper()
	k.cmd = exec.Command("warmfront", "control", "--sandbox", "--wan", "off", "--addr", k.addr.String(), //nolint:gosec // the arguments are this test's
		"--access-key-file", k.folder.Join(statefolder.AccessKeyFile), "--cluster-secret-file", k.folder.Join("secret"), "--data", k.folder.Join("control"))
	k.cmd.Stdout, k.cmd.Stderr = &k.log, &k.log
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := k.api.ListDistributions(ctx, &sdk.ListDistributionsInput{})
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.t.Fatalf("control does not answer: %v", err)
		}
	}
}

func (k *killed) kill() {
	if k.cmd != nil {
		_ = k.cmd.Process.Kill()
		_ = k.cmd.Wait() // killed
		k.cmd = nil
	}
}

// site is what a writer knows of its distribution.
type site struct {
	reference string
	id        string // "" until the creation was answered
	etag      string // of the last answer
	answered  string // the comment that was last answered
	tried     string // the comment that was last sent
	// invalidations are those that were answered.
	invalidations []string
	writes        int // that were answered
}

// config is a large configuration: torn in two, it would be seen.
func (s *site) config(comment string) *types.DistributionConfig {
	cfg := &types.DistributionConfig{
		CallerReference: &s.reference, Comment: &comment, Enabled: aws.Bool(true),
		Origins: &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{{
			Id: aws.String("bucket"), DomainName: aws.String("demo.s3.us-east-1.amazonaws.com"), S3OriginConfig: &types.S3OriginConfig{OriginAccessIdentity: aws.String("")},
		}}},
		CacheBehaviors: &types.CacheBehaviors{Quantity: aws.Int32(60)},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId: aws.String("bucket"), ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll, CachePolicyId: aws.String("658327ea-f89d-4fab-a63d-7e88639e58f6"),
		},
	}
	for i := range 60 {
		cfg.CacheBehaviors.Items = append(cfg.CacheBehaviors.Items, types.CacheBehavior{
			PathPattern: aws.String(fmt.Sprintf("/%s/%d/*", comment, i)), TargetOriginId: aws.String("bucket"),
			ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll, CachePolicyId: aws.String("658327ea-f89d-4fab-a63d-7e88639e58f6"),
		})
	}
	return cfg
}

// write creates the site, then updates and invalidates it until that fails.
func (s *site) write(ctx context.Context, api *sdk.Client) error {
	s.tried = "c0"
	made, err := api.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: s.config(s.tried)})
	if err != nil {
		return err
	}
	s.id, s.etag, s.answered, s.writes = *made.Distribution.Id, *made.ETag, s.tried, 1
	for i := 1; ; i++ {
		s.tried = fmt.Sprint("c", i)
		updated, err := api.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: &s.id, IfMatch: &s.etag, DistributionConfig: s.config(s.tried)})
		if err != nil {
			return err
		}
		s.etag, s.answered = *updated.ETag, s.tried
		s.writes++
		inv, err := api.CreateInvalidation(ctx, &sdk.CreateInvalidationInput{DistributionId: &s.id, InvalidationBatch: &types.InvalidationBatch{
			CallerReference: &s.tried, Paths: &types.Paths{Quantity: aws.Int32(1), Items: []string{"/" + s.tried}}}})
		if err != nil {
			return err
		}
		s.invalidations = append(s.invalidations, *inv.Invalidation.Id)
		s.writes++
	}
}

// TestKilledInTheMiddleOfWrites kills a real control while four callers write to it
// and a fifth moves an alias to and fro. After each restart what was answered is
// there; what was not is there whole or not at all.
func TestKilledInTheMiddleOfWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real processes")
	}
	const seed, rounds, writers = 20260301, 6, 4
	random := rand.New(rand.NewPCG(seed, rounds))
	k := newKilled(t)
	k.start()
	homes := [2]*site{{reference: "home-0"}, {reference: "home-1"}}
	for _, h := range homes {
		made, err := k.api.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: h.config("home")})
		if err != nil {
			t.Fatal(err)
		}
		h.id = *made.Distribution.Id
	}
	var sites []*site
	underWay := 0
	for round := range rounds {
		var wait sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for w := range writers {
			s := &site{reference: fmt.Sprintf("round-%d-writer-%d", round, w)}
			sites = append(sites, s)
			wait.Go(func() { _ = s.write(ctx, k.api) }) // it ends by failing
		}
		wait.Go(func() {
			for i := 0; moveAlias(ctx, k.api, homes[i%2].id) == nil; i++ {
			}
		})
		<-time.After(time.Duration(100+random.IntN(900)) * time.Millisecond)
		k.kill()
		wait.Wait()
		cancel()
		for _, s := range sites[len(sites)-writers:] {
			if s.tried != s.answered {
				underWay++
			}
		}
		k.start()
		k.check(sites, homes)
	}
	writes := 0
	for _, s := range sites {
		writes += s.writes
	}
	if writes < rounds*writers || underWay < rounds {
		t.Errorf("%d writes were answered before the kills, %d were under way", writes, underWay)
	}
	t.Logf("%d answered writes to %d distributions, %d under way when control was killed", writes, len(sites), underWay)
}

func moveAlias(ctx context.Context, api *sdk.Client, to string) error {
	_, err := api.AssociateAlias(ctx, &sdk.AssociateAliasInput{TargetDistributionId: &to, Alias: aws.String("www.example.com")})
	return err
}

// check holds what there is to what was answered.
func (k *killed) check(sites []*site, homes [2]*site) {
	k.t.Helper()
	there := map[string]*types.DistributionConfig{} // by caller reference
	etags := map[string]string{}
	var with []string
	pages := sdk.NewListDistributionsPaginator(k.api, &sdk.ListDistributionsInput{MaxItems: aws.Int32(7)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.t.Context())
		if err != nil {
			k.t.Fatal(err)
		}
		for _, d := range page.DistributionList.Items {
			got, err := k.api.GetDistributionConfig(k.t.Context(), &sdk.GetDistributionConfigInput{Id: d.Id})
			if err != nil {
				k.t.Fatal(err)
			}
			there[*got.DistributionConfig.CallerReference], etags[*got.DistributionConfig.CallerReference] = got.DistributionConfig, *got.ETag
			if slices.Contains(got.DistributionConfig.Aliases.Items, "www.example.com") {
				with = append(with, *d.Id)
			}
		}
	}
	if len(there) > len(sites)+len(homes) || len(with) > 1 {
		k.t.Errorf("%d distributions of %d; the alias is at %v", len(there), len(sites)+len(homes), with)
	}
	for _, s := range sites {
		k.checkSite(s, there[s.reference], etags[s.reference])
	}
}

func (k *killed) checkSite(s *site, got *types.DistributionConfig, etag string) {
	k.t.Helper()
	switch {
	case got == nil && s.id != "":
		k.t.Errorf("%s was answered, and is not there", s.reference)
		return
	case got == nil:
		return
	case *got.Comment != s.answered && *got.Comment != s.tried:
		k.t.Errorf("%s has %s; answered was %s, tried %s", s.reference, *got.Comment, s.answered, s.tried)
	case *got.Comment == s.answered && etag != s.etag:
		k.t.Errorf("%s: ETag %s, answered was %s", s.reference, etag, s.etag)
	}
	want := s.config(*got.Comment)
	patterns := func(c *types.DistributionConfig) (all []string) {
		for _, b := range c.CacheBehaviors.Items {
			all = append(all, *b.PathPattern)
		}
		return all
	}
	if !reflect.DeepEqual(patterns(got), patterns(want)) || *got.Origins.Items[0].DomainName != *want.Origins.Items[0].DomainName {
		k.t.Errorf("%s is not whole: %s", s.reference, strings.Join(patterns(got), " "))
	}
	for _, id := range s.invalidations {
		inv, err := k.api.GetInvalidation(k.t.Context(), &sdk.GetInvalidationInput{DistributionId: &s.id, Id: &id})
		var gone *types.NoSuchInvalidation
		if errors.As(err, &gone) {
			k.t.Errorf("%s: the invalidation %s was answered, and is not there", s.reference, id)
		} else if err != nil {
			k.t.Fatal(err)
		} else if path := inv.Invalidation.InvalidationBatch.Paths.Items[0]; path != "/"+*inv.Invalidation.InvalidationBatch.CallerReference {
			k.t.Errorf("%s: the invalidation %s is of %s", s.reference, id, path)
		}
	}
	// What is known now is what there is; a later round holds it to that.
	s.answered, s.tried, s.etag = *got.Comment, *got.Comment, etag
}
