package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// answerCode adds a header to an answer, njsCode does it in nginx.
const (
	answerCode = `function handler(event) { event.response.headers['x-a'] = {value: '1'}; return event.response }`
	njsCode    = `export default { add: (r) => { r.headersOut['X-A'] = '1'; } };`
)

// nginxConf has the same object from a cache in memory, as is and with njs.
const nginxConf = `daemon off; pid nginx.pid; worker_processes 1; user root; error_log error.log warn;
load_module %[1]s;
events { worker_connections 1024; multi_accept on; }
http {
  access_log access.log combined buffer=64k flush=1s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000000000;
  proxy_cache_path cache levels=1:2 keys_zone=cache:16m use_temp_path=off;
  js_import code from code.js;
  server {
    listen %[2]s;
    proxy_cache cache; proxy_cache_key $uri; proxy_cache_valid 200 1d;
    proxy_http_version 1.1; proxy_set_header Connection "";
    location /plain/ { proxy_pass http://%[3]s/; }
    location /njs/ { proxy_pass http://%[3]s/; js_header_filter code.add; }
  }
}
`

// measureHTTP measures hits with and without a function, by HTTP.
func measureHTTP(ctx context.Context, cfg config) (rows []row, err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return nil, fmt.Errorf("wrk is not installed: apt-get install wrk: %w", err)
	}
	w, err := newWorld(ctx, cfg, strconv.Itoa(cfg.cpu))
	if err != nil {
		return nil, err
	}
	defer w.close()
	arn, err := w.function(ctx, "answer", answerCode)
	if err != nil {
		return nil, err
	}
	host, _, err := w.distribution(ctx, use{"/function/*", arn, types.EventTypeViewerResponse})
	if err != nil {
		return nil, err
	}
	ports, stop, note := startNginx(ctx, cfg, w)
	defer stop()
	for _, one := range [...]struct{ what, address, path string }{
		{"Warmfront, hit", edge(), "/style.css"}, {"Warmfront, hit with function", edge(), "/function/style.css"},
		{"nginx, hit", ports, "/plain/style.css"}, {"nginx, hit with njs", ports, "/njs/style.css"},
	} {
		if one.address == "" {
			rows = append(rows, row{What: one.what, Note: note})
			continue
		}
		r, err := wrk(ctx, cfg, one.what, "http://"+one.address+one.path, host)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// startNginx starts nginx with njs, where there is one; else the address is "" and note says why.
func startNginx(ctx context.Context, cfg config, w *world) (address string, stop func(), note string) {
	stop = func() {}
	const module = "/usr/lib/nginx/modules/ngx_http_js_module.so"
	if _, err := os.Stat(module); err != nil {
		return "", stop, "not installed: apt-get install nginx libnginx-mod-http-js"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", stop, err.Error()
	}
	address = l.Addr().String()
	_ = l.Close()
	dir := filepath.Join(w.folder, "nginx")
	for name, text := range map[string]string{"nginx.conf": fmt.Sprintf(nginxConf, module, address, w.origin.Addr()), "code.js": njsCode} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", stop, err.Error()
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", stop, err.Error()
		}
	}
	c := exec.Command("taskset", "--cpu-list", strconv.Itoa(cfg.cpu), "nginx", "-p", dir, "-e", "error.log", "-c", "nginx.conf")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return "", stop, err.Error()
	}
	stop = func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	}
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return address, stop, ""
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return "", stop, err.Error()
		}
	}
}

// wrk drives a server with eight connections, and reads what it prints.
func wrk(ctx context.Context, cfg config, what, url, host string) (row, error) {
	r := row{What: what}
	c := exec.CommandContext(ctx, "wrk", "-t1", "-c8", "-d"+strconv.Itoa(max(1, int(cfg.duration.Seconds())))+"s", "--latency", "-H", "Host: "+host, url)
	out, err := c.CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	text := string(out)
	if strings.Contains(text, "Non-2xx") || strings.Contains(text, "Socket errors") {
		return r, fmt.Errorf("%s: not every answer is 200\n%s", url, text)
	}
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			return ""
		}
		return found[1]
	}
	r.Count, _ = strconv.Atoi(find(`(\d+) requests in`))
	r.PerSecond, _ = strconv.ParseFloat(find(`Requests/sec:\s+([\d.]+)`), 64)
	for at, percent := range map[*float64]string{&r.P50: "50", &r.P99: "99"} {
		took, err := time.ParseDuration(strings.ReplaceAll(find(`\s`+percent+`%\s+(\S+)`), "us", "µs"))
		if err != nil {
			return r, fmt.Errorf("what wrk prints is not known here: %w\n%s", err, text)
		}
		*at = float64(took) / 1e3
	}
	return r, nil
}
