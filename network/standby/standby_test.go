package standby

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/control/ca"
)

// TestWhatIsForwardedIsAsItWasSigned asks a control that stands by: the leader sees
// the path, the query, the name and the body that the caller signed.
func TestWhatIsForwardedIsAsItWasSigned(t *testing.T) {
	a, err := ca.Open(ca.Config{Keep: ca.Folder(t.TempDir()), Zone: "warmfront.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leader := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, strings.Join([]string{r.Host, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("User-Agent"), string(body)}, " ")) // to the test
	}))
	leader.TLS = &tls.Config{Certificates: []tls.Certificate{apiCertificate(t, a, "control.warmfront.test")}}
	leader.StartTLS()
	defer leader.Close()
	to, err := url.Parse(leader.URL)
	if err != nil {
		t.Fatal(err)
	}
	standby := httptest.NewServer(Forward(to, trusting(a), "control-2"))
	defer standby.Close()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, standby.URL+"/a%2Fb//c?Operation=Tag;x&e=", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "control.example:8800"
	req.Header.Set("Authorization", "AWS4")
	req.Header.Set("User-Agent", "aws")
	if status, got := ask(t, req); status != http.StatusOK || got != "control.example:8800 /a%2Fb//c?Operation=Tag;x&e= AWS4 aws body" {
		t.Errorf("%d: the leader was asked %q", status, got)
	}

	// Asked by one that stands by itself it does not ask on.
	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, standby.URL+"/2020-05-31/distribution", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(forwardedBy, "control-3")
	if status, got := ask(t, req); status != http.StatusServiceUnavailable || !strings.Contains(got, "<Code>ServiceUnavailable</Code>") {
		t.Errorf("%d: %s", status, got)
	}

	// Nobody else passes for the leader.
	other, err := ca.Open(ca.Config{Keep: ca.Folder(t.TempDir()), Zone: "warmfront.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	fooled := httptest.NewServer(Forward(to, trusting(other), "control-2"))
	defer fooled.Close()
	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, fooled.URL+"/warmfront/v1/nodes", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, got := ask(t, req); status != http.StatusServiceUnavailable || !strings.Contains(got, `"code":"ServiceUnavailable"`) {
		t.Errorf("%d: %s", status, got)
	}
}

func apiCertificate(t *testing.T, a *ca.Authority, name string) tls.Certificate {
	t.Helper()
	key, err := ca.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := a.ServeAPI(key.Public(), []string{name}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(doc, ca.EncodeKey(key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func trusting(a *ca.Authority) *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.ViewerPEM())
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "control.warmfront.test"}
}

func ask(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
