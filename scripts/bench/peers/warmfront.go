package peers

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// distribution caches by CloudFront's managed policy, and has path patterns to be tried first, as real ones do.
const distribution = `{
  "CallerReference": "bench", "Comment": "", "Enabled": true, "HttpVersion": "http2",
  "Origins": {"Quantity": 1, "Items": [{
    "Id": "origin", "DomainName": "origin.example",
    "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
  "DefaultCacheBehavior": {
    "TargetOriginId": "origin", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"},
  "CacheBehaviors": {"Quantity": 2, "Items": [
    {"PathPattern": "/api/*", "TargetOriginId": "origin", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"},
    {"PathPattern": "*.css", "TargetOriginId": "origin", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}]}
}
`

// warmfront starts an edge as it runs on a host of its own (no sandbox, so nothing stands between it and its viewers),
// and a control that it follows, whose CPU time does not count.
func warmfront(ctx context.Context, cfg Config, s *Server, dir string) error {
	s.Version = versionOf(cfg.Binary, "--version")
	control, edge, err := freeAddresses()
	if err != nil {
		return err
	}
	secret := filepath.Join(dir, "secret")
	if err := write(dir, map[string]string{"secret": rand.Text() + rand.Text(), "site.json": distribution, "control/keep": "", "edge/keep": ""}); err != nil {
		return err
	}
	binary, err := filepath.Abs(cfg.Binary)
	if err != nil {
		return err
	}
	helper, err := start(filepath.Join(dir, "control"), -1, binary, "control", "--data", "state", "--addr", control,
		"--cluster-secret-file", secret, "--sandbox", "--wan", "off")
	if err != nil {
		return err
	}
	s.helpers = append(s.helpers, helper)
	s.API, s.State = "http://"+net.JoinHostPort(control, "8800"), filepath.Join(dir, "control", "state")
	if err := helper.listening(ctx, net.JoinHostPort(control, "8800")); err != nil {
		return err
	}
	args := []string{"edge", "--data", "state", "--addr", edge, "--cluster-secret-file", secret, "--pop", "FRA",
		"--control", net.JoinHostPort(control, "7947"), "--join", net.JoinHostPort(control, "7946"),
		"--origin", "origin.example=" + cfg.Origin, "--metrics-addr", net.JoinHostPort(edge, "9100"),
		"--memory", strconv.Itoa(cfg.Memory) + "MiB"}
	args = append(args, "--access-log", filepath.Join(dir, "access.log"), "--viewer-connections", "0")
	p, err := s.run(filepath.Join(dir, "edge"), cfg.CPU, binary, args...)
	if err != nil {
		return err
	}
	if err := p.until(ctx, func() error { return healthy(net.JoinHostPort(edge, "9100")) }); err != nil {
		return err
	}
	s.HTTP, s.HTTPS = net.JoinHostPort(edge, "80"), net.JoinHostPort(edge, "443")
	s.Host, err = distribute(ctx, binary, dir, control)
	return err
}

// freeAddresses returns two loopback addresses on which nobody has the ports of a node. The ports themselves are the
// well-known ones, so below 1024 there are two that not everybody may have.
func freeAddresses() (control, edge string, err error) {
	for n := 1; n < 255; n++ {
		control, edge = fmt.Sprintf("127.251.%d.1", n), fmt.Sprintf("127.251.%d.2", n)
		taken := false
		for _, addr := range []string{control + ":7947", edge + ":80"} {
			l, err := net.Listen("tcp", addr)
			if os.IsPermission(err) {
				return "", "", fmt.Errorf("%w: an edge of its own listens on ports 80 and 443; be root, or: sysctl net.ipv4.ip_unprivileged_port_start=80", err)
			}
			if err != nil {
				taken = true
				break
			}
			_ = l.Close()
		}
		if !taken {
			return control, edge, nil
		}
	}
	return "", "", fmt.Errorf("no address in 127.251.0.0/16 is free: %w", err)
}

func healthy(addr string) error {
	answer, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answers %s", answer.Status)
	}
	return nil
}

// distribute makes the distribution, waits until the edge has it and returns its domain name.
func distribute(ctx context.Context, binary, dir, control string) (string, error) {
	c := exec.CommandContext(ctx, binary, "distribution", "create", "--config", filepath.Join(dir, "site.json"), "--wait",
		"--output", "json", "--data", filepath.Join(dir, "control", "state"), "--endpoint", "http://"+net.JoinHostPort(control, "8800"))
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("making the distribution: %w\n%s", err, errs.String())
	}
	var made struct{ DomainName string }
	if err := json.Unmarshal(out, &made); err != nil || made.DomainName == "" {
		return "", fmt.Errorf("making the distribution: %w: no domain name in\n%s", err, out)
	}
	return made.DomainName, nil
}
