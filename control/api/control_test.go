package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/api"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// daemon is a control or a node with its Run under way.
type daemon interface {
	Run(context.Context) error
	Close() error
}

// start runs d; the returned function stops it and may be called once.
func start(t *testing.T, d daemon) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func startControl(t *testing.T, dir string) (ctl *control.Control, aws *sdk.Client, url string, stop func()) {
	t.Helper()
	ctl, err := control.New(control.Config{
		DataDir: dir, Zone: testZone, Secret: []byte("a cluster secret made for tests"), PeerAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	end := start(t, ctl)
	server := httptest.NewServer(api.Handler(configFor(ctl)))
	return ctl, newClient(server.URL), server.URL, func() {
		server.Close()
		end()
	}
}

// TestWithControl goes through a real control and a real node: Deployed and
// Completed come when the node has applied the change, and everything is there
// after a restart.
func TestWithControl(t *testing.T) {
	dir := t.TempDir()
	ctl, aws, _, stopControl := startControl(t, filepath.Join(dir, "control"))
	node, err := client.New(client.Config{
		Node:    cdn.Node{ID: "FRA-1", Role: cdn.RoleEdge, POP: "FRA", K: 1, Addr: netip.MustParseAddr("127.1.0.1")},
		Control: []string{ctl.Addr().String()}, Secret: []byte("a cluster secret made for tests"),
		DataDir: filepath.Join(dir, "node"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	stopNode := start(t, node)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := node.Ready(ctx); err != nil {
		t.Fatal(err)
	}

	created := must(aws.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("site", disabled)}))(t)
	id := created.Distribution.Id
	deployed := sdk.NewDistributionDeployedWaiter(aws, func(o *sdk.DistributionDeployedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	})
	if err := deployed.Wait(ctx, &sdk.GetDistributionInput{Id: id}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if node.State().Plans[*id] == nil {
		t.Error("it is Deployed, and the node does not know it")
	}
	f := &fixture{t: t, Client: aws}
	inv := must(f.invalidate(*id, "1", "/*"))(t)
	completed := sdk.NewInvalidationCompletedWaiter(aws, func(o *sdk.InvalidationCompletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	})
	if err := completed.Wait(ctx, &sdk.GetInvalidationInput{DistributionId: id, Id: inv.Id}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if node.State().Invalidations(*id).Newest("/index.html").IsZero() {
		t.Error("it is Completed, and the node does not know it")
	}
	stopNode()
	stopControl()

	_, aws, _, stopControl = startControl(t, filepath.Join(dir, "control"))
	defer stopControl()
	got := must(aws.GetDistribution(ctx, &sdk.GetDistributionInput{Id: id}))(t)
	if *got.ETag != *created.ETag || *got.Distribution.Status != "Deployed" {
		t.Errorf("after a restart: ETag %s, status %s", *got.ETag, *got.Distribution.Status)
	}
	_, err = aws.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("site")})
	wantCode(t, err, cloudfront.CodeDistributionAlreadyExists)
	must(aws.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: id, IfMatch: got.ETag}))(t)
}

// awsCLI runs the AWS command line.
type awsCLI struct {
	t   *testing.T
	dir string
	url string
	key string
}

func (c awsCLI) try(args ...string) ([]byte, string, error) {
	cmd := exec.CommandContext(c.t.Context(), "aws", append([]string{"--endpoint-url", c.url, "--output", "json", "cloudfront"}, args...)...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+testKey, "AWS_SECRET_ACCESS_KEY="+c.key, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_CONFIG_FILE="+filepath.Join(c.dir, "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(c.dir, "none"),
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.Bytes(), stderr.String(), err
}

// run runs a command that must succeed and reads its answer into v.
func (c awsCLI) run(v any, args ...string) {
	c.t.Helper()
	stdout, stderr, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("aws cloudfront %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	if v != nil {
		if err := json.Unmarshal(stdout, v); err != nil {
			c.t.Fatalf("aws cloudfront %s: %v in %s", strings.Join(args, " "), err, stdout)
		}
	}
}

// TestCommandLine is what a person does with the AWS command line, from a
// configuration in the form that AWS documents for it.
func TestCommandLine(t *testing.T) {
	if testing.Short() {
		t.Skip("the AWS command line takes its time")
	}
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS command line is not installed")
	}
	_, _, url, stop := startControl(t, filepath.Join(t.TempDir(), "control"))
	defer stop()
	folder := must(filepath.Abs("testdata"))(t)
	cli := awsCLI{t: t, dir: t.TempDir(), url: url, key: testSecret}
	var created struct {
		ETag, Location string
		Distribution   struct {
			ID                 string `json:"Id"`
			DomainName, Status string
		}
	}
	cli.run(&created, "create-distribution", "--distribution-config", "file://"+filepath.Join(folder, "cli.json"))
	id := created.Distribution.ID
	if created.Distribution.Status != "InProgress" || !strings.HasSuffix(created.Distribution.DomainName, "."+testZone) || !strings.HasSuffix(created.Location, id) {
		t.Errorf("created %+v", created)
	}
	cli.run(nil, "wait", "distribution-deployed", "--id", id)

	var got struct {
		ETag               string
		DistributionConfig map[string]any
	}
	cli.run(&got, "get-distribution-config", "--id", id)
	sent := map[string]any{}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(folder, "cli.json")))(t), &sent); err != nil {
		t.Fatal(err)
	}
	if path := missing(sent, got.DistributionConfig, ""); path != "" {
		t.Errorf("%s does not come back as sent", path)
	}
	got.DistributionConfig["Enabled"] = false
	file := filepath.Join(t.TempDir(), "disabled.json")
	if err := os.WriteFile(file, must(json.Marshal(got.DistributionConfig))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	var updated struct{ ETag string }
	cli.run(&updated, "update-distribution", "--id", id, "--if-match", got.ETag, "--distribution-config", "file://"+file)
	if _, stderr, err := cli.try("update-distribution", "--id", id, "--if-match", got.ETag, "--distribution-config", "file://"+file); err == nil || !strings.Contains(stderr, "(PreconditionFailed)") {
		t.Errorf("a stale ETag: %v, %s", err, stderr)
	}

	var inv struct {
		Invalidation struct {
			ID     string `json:"Id"`
			Status string
		}
	}
	cli.run(&inv, "create-invalidation", "--distribution-id", id, "--paths", "/*")
	cli.run(nil, "wait", "invalidation-completed", "--distribution-id", id, "--id", inv.Invalidation.ID)
	cli.run(nil, "wait", "distribution-deployed", "--id", id)
	var list struct {
		DistributionList struct {
			Items []struct {
				ID string `json:"Id"`
			}
		}
	}
	cli.run(&list, "list-distributions")
	if len(list.DistributionList.Items) != 1 || list.DistributionList.Items[0].ID != id {
		t.Errorf("list %+v", list)
	}

	wrong := cli
	wrong.key = "wrong"
	_, stderr, err := wrong.try("delete-distribution", "--id", id, "--if-match", updated.ETag)
	if err == nil || !strings.Contains(stderr, "An error occurred (SignatureDoesNotMatch) when calling the DeleteDistribution operation: The request signature we calculated does not match the signature you provided.") {
		t.Errorf("a wrong key: %v, %s", err, stderr)
	}
	cli.run(nil, "delete-distribution", "--id", id, "--if-match", updated.ETag)
	if _, stderr, err := cli.try("get-distribution", "--id", id); err == nil || !strings.Contains(stderr, "(NoSuchDistribution)") {
		t.Errorf("after it was deleted: %v, %s", err, stderr)
	}
}

// missing returns the path of the first member of sent that got does not have
// with the same value, "" if there is none.
func missing(sent, got any, path string) string {
	switch s := sent.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name, v := range s {
			if p := missing(v, g[name], path+"."+name); p != "" {
				return p
			}
		}
		return ""
	case []any:
		g, _ := got.([]any)
		if len(g) != len(s) {
			return path
		}
		for i := range s {
			if p := missing(s[i], g[i], path+"[]"); p != "" {
				return p
			}
		}
		return ""
	}
	if sent != got {
		return path
	}
	return ""
}
