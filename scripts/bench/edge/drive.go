package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A sample is what a loader saw.
type sample struct {
	answers  int64
	bytes    int64 // all that came, heads too
	errors   int64
	elapsed  time.Duration
	p50, p99 time.Duration
}

// check fails unless every answer was whole and none an error.
func (s sample) check(t target) error {
	switch {
	case s.answers == 0:
		return errors.New("not one answer came")
	case s.errors != 0:
		return fmt.Errorf("%d of %d answers were errors", s.errors, s.answers)
	case s.bytes < s.answers*int64(t.size):
		return fmt.Errorf("%d answers of %d bytes came as %d bytes", s.answers, t.size, s.bytes)
	}
	return nil
}

// wrkScript has wrk ask for objects at random, if there are many, and print what it saw in a form that can be read.
const wrkScript = `local path, objects, host = %q, %d, %q
if objects > 0 then
  local head, tail = "GET " .. path, " HTTP/1.1\r\nHost: " .. host .. "\r\n\r\n"
  request = function() return head .. math.random(0, objects - 1) .. tail end
end
done = function(s, latency)
  local e = s.errors
  print(string.format("saw %%d %%d %%d %%d %%d %%d", s.requests, s.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    s.duration, latency:percentile(50), latency:percentile(99)))
end
`

// wrk drives HTTP/1.1 without TLS.
func wrk(ctx context.Context, b *bench, t target) (sample, error) {
	script := filepath.Join(b.folder, "wrk.lua")
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, t.path, t.objects, t.server.Host), 0o600); err != nil {
		return sample{}, err
	}
	out, err := b.loader(ctx, "wrk", "--threads", "1", "--connections", strconv.Itoa(b.cfg.connections), "--timeout", "10s",
		"--duration", fmt.Sprintf("%ds", int(b.cfg.duration.Seconds())), "--header", "Host: "+t.server.Host, "--script", script,
		"http://"+t.server.HTTP+t.one(0))
	if err != nil {
		return sample{}, err
	}
	_, seen, _ := strings.Cut(out, "saw ")
	var s sample
	var elapsed, p50, p99 int64
	if _, err := fmt.Sscan(seen, &s.answers, &s.bytes, &s.errors, &elapsed, &p50, &p99); err != nil {
		return s, fmt.Errorf("wrk: %w in:\n%s", err, out)
	}
	s.elapsed, s.p50, s.p99 = micros(elapsed), micros(p50), micros(p99)
	return s, nil
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// loader runs a load generator.
func (b *bench) loader(ctx context.Context, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...) // on the CPU of this process
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return string(out), nil
}

var (
	h2loadRequests = regexp.MustCompile(`(?m)^requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2loadTraffic  = regexp.MustCompile(`(?m)^traffic: \S+ \((\d+)\) total`)
	h2loadProtocol = regexp.MustCompile(`(?m)^Application protocol: (\S+)`)
	h2loadTLS      = regexp.MustCompile(`(?m)^TLS Protocol: (\S+)`)
)

// h2loadOf drives HTTP/2, or HTTP/1.1 where wrk does not do: over TLS 1.3, or at a steady rate.
func h2loadOf(protocol string) func(context.Context, *bench, target) (sample, error) {
	return func(ctx context.Context, b *bench, t target) (sample, error) {
		log := filepath.Join(b.folder, "h2load.log")
		args := []string{protocol, "--threads=1", "--clients=" + strconv.Itoa(b.cfg.connections), "--max-concurrent-streams=" + strconv.Itoa(b.cfg.streams),
			"--duration=" + strconv.Itoa(int(b.cfg.duration.Seconds())), "--log-file=" + log}
		if t.TLS {
			args = append(args, "--groups=X25519", "--connect-to="+t.server.HTTPS)
		} else {
			args = append(args, "--rps="+strconv.Itoa(b.cfg.rate/b.cfg.connections), "--connect-to="+t.server.HTTP)
		}
		out, err := b.loader(ctx, "h2load", append(args, t.scheme()+"://"+t.server.Host+t.one(0))...)
		if err != nil {
			return sample{}, err
		}
		if m := h2loadTLS.FindStringSubmatch(out); t.TLS && (m == nil || m[1] != "TLSv1.3") {
			return sample{}, fmt.Errorf("h2load did not speak TLS 1.3:\n%s", out)
		}
		want := "http/1.1"
		if protocol != "--h1" {
			want = "h2"
		}
		if m := h2loadProtocol.FindStringSubmatch(out); m == nil || m[1] != want {
			return sample{}, fmt.Errorf("h2load did not speak %s:\n%s", want, out)
		}
		requests, traffic := h2loadRequests.FindStringSubmatch(out), h2loadTraffic.FindStringSubmatch(out)
		if requests == nil || traffic == nil {
			return sample{}, fmt.Errorf("h2load did not say what it saw:\n%s", out)
		}
		numbers := make([]int64, 0, 6)
		for _, digits := range append(requests[1:], traffic[1]) {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				return sample{}, err
			}
			numbers = append(numbers, n)
		}
		s := sample{answers: numbers[1], bytes: numbers[5], errors: numbers[2] + numbers[3] + numbers[4], elapsed: b.cfg.duration.Truncate(time.Second)}
		s.p50, s.p99, err = h2loadLatency(log)
		return s, err
	}
}

// h2loadLatency reads the percentiles off h2load's log: start, status and microseconds of every request.
func h2loadLatency(path string) (p50, p99 time.Duration, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var took []int64
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) < 3 || fields[1] != "200" {
			return 0, 0, fmt.Errorf("h2load logged %q", lines.Text())
		}
		n, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		took = append(took, n)
	}
	if err := lines.Err(); err != nil {
		return 0, 0, err
	}
	if len(took) == 0 {
		return 0, 0, errors.New("h2load logged nothing")
	}
	slices.Sort(took)
	return micros(took[len(took)/2]), micros(took[len(took)*99/100]), nil
}
