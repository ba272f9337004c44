package network

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/network/portowner"
)

func TestFolderMakesItsSecretsOnce(t *testing.T) {
	f := Folder(t.TempDir())
	key, err := f.AccessKey()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := f.ClusterSecret()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := f.AccessKey()
	secretAgain, _ := f.ClusterSecret()
	if again != key || string(secretAgain) != string(secret) || len(key.ID) != 20 || len(key.Secret) != 40 || len(secret) != 64 {
		t.Errorf("%v %v, %q %q", key, again, secret, secretAgain)
	}
	for _, name := range []string{AccessKeyFile, "cluster-secret"} {
		info, err := os.Stat(f.Join(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestSecretsThatAreNone(t *testing.T) {
	f := Folder(t.TempDir())
	for name, text := range map[string]string{"short": "abc", "empty": "", "key": "[default]\naws_access_key_id = X\n"} {
		if err := os.WriteFile(f.Join(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"short", "empty", "missing"} {
		if _, err := ReadSecret(f.Join(name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := ReadAccessKey(f.Join("key")); err == nil || !strings.Contains(err.Error(), "aws_secret_access_key") {
		t.Errorf("half a key: %v", err)
	}
}

func TestRunningIsWhatRunsNow(t *testing.T) {
	f := Folder(t.TempDir())
	if _, err := f.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("nothing ran: %v", err)
	}
	lock, err := f.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("starting: %v", err)
	}
	if err := f.WriteJSON(runningFile, Running{PID: os.Getpid(), Zone: "z"}); err != nil {
		t.Fatal(err)
	}
	if r, err := f.Running(); err != nil || r.Zone != "z" {
		t.Errorf("running: %v, %v", r, err)
	}
	if _, err := f.lock(); !errors.Is(err, errLocked) {
		t.Errorf("a second process: %v", err)
	}
	_ = lock.Close()
	if _, err := f.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a file that a process left which is gone, maybe with the number of another: %v", err)
	}
}

func TestPortsShift(t *testing.T) {
	p, err := DefaultPorts().Shift(1000)
	if err != nil || p.DNS != 6300 || p.CityProxy != 32000 || p.Metrics != 10100 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, base := range []int{-1, 40000} {
		if _, err := DefaultPorts().Shift(base); err == nil {
			t.Errorf("base %d: no error", base)
		}
	}
}

func TestATakenPortIsNamedWithItsOwner(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = net.Listen("tcp", l.Addr().String())
	text := explainTaken(err).Error()
	if !strings.Contains(text, l.Addr().String()) || !strings.Contains(text, "--port-base") {
		t.Errorf("%q does not say which port and what to do", text)
	}
	if owner := portowner.Of(l.Addr()); owner != "" && !strings.Contains(text, owner) {
		t.Errorf("%q does not name %q", text, owner)
	}
	if other := errors.New("other"); !errors.Is(explainTaken(other), other) {
		t.Error("another error was changed")
	}
}

func TestCheckZone(t *testing.T) {
	for zone, ok := range map[string]bool{
		"warmfront.test": true, "cdn": true, "a-1.b2": true,
		"": false, ".": false, "-bad": false, "bad-.test": false, "a..b": false, "Upper.test": false, "a b": false, strings.Repeat("x", 64): false,
	} {
		if err := CheckZone(zone); (err == nil) != ok {
			t.Errorf("%q: %v", zone, err)
		}
	}
}
