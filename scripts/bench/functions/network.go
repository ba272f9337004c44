package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/network/statefolder"
)

// portBase is where the benchmark's network has its ports.
const portBase = 19700

// world is a network in one process, `warmfront up`, with a POP.
type world struct {
	process *exec.Cmd
	client  *cloudfront.Client
	folder  string
	log     *os.File
	ended   chan struct{}
	origin  net.Listener
	viewers *http.Client // whose connections stay open
}

// newWorld starts a network on the given cores, and returns once it is ready.
func newWorld(ctx context.Context, cfg config, cores string) (*world, error) {
	binary, err := filepath.Abs(cfg.binary)
	if err != nil {
		return nil, err
	}
	w := &world{viewers: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}}
	if w.folder, err = os.MkdirTemp("", "bench-functions-"); err != nil {
		return nil, err
	}
	if w.log, err = os.Create(filepath.Join(w.folder, "log")); err != nil {
		return nil, err
	}
	if w.origin, err = newOrigin(); err != nil {
		return nil, err
	}
	w.process = exec.Command("taskset", "--cpu-list", cores, binary, "up", "--pops", "FRA", "--wan", "off", "--origin", "origin.example="+w.origin.Addr().String(), "--port-base", strconv.Itoa(portBase), "--data", filepath.Join(w.folder, "state"))
	w.process.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(strings.Count(cores, ",")+1))
	w.process.Stdout, w.process.Stderr = w.log, w.log
	if err := w.process.Start(); err != nil {
		return nil, err
	}
	w.ended = make(chan struct{})
	go func() { _ = w.process.Wait(); close(w.ended) }()
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", portBase+8800)
	for {
		key, err := statefolder.ReadAccessKey(statefolder.Folder(filepath.Join(w.folder, "state")).Join(statefolder.AccessKeyFile))
		if err == nil {
			w.client = cloudfront.New(cloudfront.Options{
				Region: "us-east-1", BaseEndpoint: &endpoint, Retryer: aws.NopRetryer{},
				Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
				}),
			})
			if all, err := w.client.ListDistributions(ctx, &cloudfront.ListDistributionsInput{}); err == nil && len(all.DistributionList.Items) > 0 {
				return w, nil // the distribution of the demo site is made last
			}
		}
		select {
		case <-w.ended:
			err = errors.New("it has ended")
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(100 * time.Millisecond):
			continue
		}
		if err != nil {
			text, _ := os.ReadFile(w.log.Name())
			w.close()
			return nil, fmt.Errorf("the network does not start: %w\n%s", err, text)
		}
	}
}

// newOrigin serves a kilobyte, to be cached, at every path.
func newOrigin() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	body := []byte(strings.Repeat("x", 1024))
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // of a benchmark, ends with its listener
			w.Header().Set("Cache-Control", "max-age=86400")
			w.Header().Set("Content-Type", "text/css")
			_, _ = w.Write(body)
		}))
	}()
	return l, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// close stops the network, and deletes what it kept.
func (w *world) close() {
	_ = w.process.Process.Signal(os.Interrupt)
	select {
	case <-w.ended:
	case <-time.After(20 * time.Second):
		_ = w.process.Process.Kill()
		<-w.ended
	}
	_ = w.log.Close()
	_ = w.origin.Close()
	_ = os.RemoveAll(w.folder)
}

// memory is how many MB of memory the process has.
func (w *world) memory() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kB, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kB / 1024
}

// function makes and publishes a function, and returns its ARN.
func (w *world) function(ctx context.Context, name, code string) (string, error) {
	made, err := w.client.CreateFunction(ctx, &cloudfront.CreateFunctionInput{
		Name: &name, FunctionCode: []byte(code), FunctionConfig: &types.FunctionConfig{Comment: aws.String(""), Runtime: types.FunctionRuntimeCloudfrontJs20},
	})
	if err != nil {
		return "", err
	}
	published, err := w.client.PublishFunction(ctx, &cloudfront.PublishFunctionInput{Name: &name, IfMatch: made.ETag})
	if err != nil {
		return "", err
	}
	return aws.ToString(published.FunctionSummary.FunctionMetadata.FunctionARN), nil
}

// use is where a behavior has a function.
type use struct {
	pattern, arn string
	event        types.EventType
}

// distribution makes one, and returns its domain name once it is Deployed, and how long that took.
func (w *world) distribution(ctx context.Context, uses ...use) (string, time.Duration, error) {
	const optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6" // the managed policy CachingOptimized
	c := &types.DistributionConfig{
		CallerReference: aws.String(rand.Text()), Comment: aws.String(""), Enabled: aws.Bool(true),
		Origins: &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{{
			Id: aws.String("origin"), DomainName: aws.String("origin.example"),
			CustomOriginConfig: &types.CustomOriginConfig{HTTPPort: aws.Int32(80), HTTPSPort: aws.Int32(443), OriginProtocolPolicy: types.OriginProtocolPolicyHttpOnly},
		}}},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId: aws.String("origin"), ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll, CachePolicyId: aws.String(optimized),
		},
		CacheBehaviors: &types.CacheBehaviors{Quantity: aws.Int32(int32(len(uses)))},
	}
	for _, u := range uses {
		c.CacheBehaviors.Items = append(c.CacheBehaviors.Items, types.CacheBehavior{
			PathPattern: aws.String(u.pattern), TargetOriginId: aws.String("origin"), ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll, CachePolicyId: aws.String(optimized),
			FunctionAssociations: &types.FunctionAssociations{Quantity: aws.Int32(1), Items: []types.FunctionAssociation{{EventType: u.event, FunctionARN: aws.String(u.arn)}}},
		})
	}
	began := time.Now()
	made, err := w.client.CreateDistribution(ctx, &cloudfront.CreateDistributionInput{DistributionConfig: c})
	if err != nil {
		return "", 0, err
	}
	for {
		got, err := w.client.GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: made.Distribution.Id})
		if err != nil {
			return "", 0, err
		}
		if aws.ToString(got.Distribution.Status) == "Deployed" {
			return aws.ToString(made.Distribution.DomainName), time.Since(began), nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return "", 0, err
		}
	}
}

// edge is where the network's edge serves HTTP.
func edge() string { return fmt.Sprintf("127.0.0.1:%d", portBase+8080) }
