// Command h3get asks an edge over HTTP/3, as a viewer at an address, for who has no
// curl that can. It prints the answer as `curl -i` would: status, fields in the order
// of their names, body; then on standard error how long the first byte took, with the
// handshake and without.
//
//	h3get -from 127.120.9.9 -to 127.120.0.1:8443 -ca ca.pem https://d….warmfront.test/style.css
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/http3"
)

type options struct {
	from, to, ca, method, data string
	headers                    http.Header
	repeat                     int
	timeout                    time.Duration
}

func main() {
	o := options{headers: http.Header{}}
	flag.StringVar(&o.from, "from", "127.0.0.1", "the viewer's address")
	flag.StringVar(&o.to, "to", "", "the edge's address and port")
	flag.StringVar(&o.ca, "ca", "", "file with the authority's certificate, PEM")
	flag.StringVar(&o.method, "X", "GET", "the method")
	flag.StringVar(&o.data, "d", "", "the request's body")
	flag.IntVar(&o.repeat, "n", 1, "how often to ask, on one connection; the last answer is printed")
	flag.DurationVar(&o.timeout, "max-time", 20*time.Second, "for all of it")
	flag.Func("H", "a field of the request, \"Name: value\"", func(s string) error {
		name, value, ok := strings.Cut(s, ":")
		if !ok {
			return errors.New("a field has a colon")
		}
		o.headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		return nil
	})
	flag.Parse()
	if err := run(o, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "h3get:", err)
		os.Exit(1)
	}
}

func run(o options, url string) error {
	from, err := netip.ParseAddr(o.from)
	if err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	to, err := netip.ParseAddrPort(o.to)
	if err != nil {
		return fmt.Errorf("-to: %w", err)
	}
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return fmt.Errorf("-ca: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	t, err := http3.NewTransport(from, to, &tls.Config{RootCAs: roots})
	if err != nil {
		return err
	}
	defer t.Close()
	client := &http.Client{
		Transport: t, Timeout: o.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for i := range o.repeat {
		if err := ask(o, client, url, i == o.repeat-1); err != nil {
			return err
		}
	}
	return nil
}

func ask(o options, client *http.Client, url string, show bool) error {
	var body io.Reader
	if o.data != "" {
		body = strings.NewReader(o.data)
	}
	r, err := http.NewRequest(o.method, url, body)
	if err != nil {
		return err
	}
	r.Header = o.headers.Clone()
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if show {
			return head(fmt.Sprint(code), http.Header(h))
		}
		return nil
	}}))
	start := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Fprintf(os.Stderr, "%.1f ms\n", float64(time.Since(start).Microseconds())/1000)
	if !show {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := head(fmt.Sprint(resp.StatusCode), resp.Header); err != nil {
		return err
	}
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return err
	}
	return resp.Trailer.Write(os.Stdout)
}

func head(status string, h http.Header) error {
	if _, err := fmt.Printf("HTTP/3 %s\r\n", status); err != nil {
		return err
	}
	if err := h.Write(os.Stdout); err != nil {
		return err
	}
	_, err := fmt.Print("\r\n")
	return err
}
