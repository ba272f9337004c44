package statefolder

import (
	"errors"
	"os"
	"strings"
	"testing"
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
	lock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("starting: %v", err)
	}
	if err := f.WriteJSON(RunningFile, Running{PID: os.Getpid(), Zone: "z"}); err != nil {
		t.Fatal(err)
	}
	if r, err := f.Running(); err != nil || r.Zone != "z" {
		t.Errorf("running: %v, %v", r, err)
	}
	if _, err := f.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("a second process: %v", err)
	}
	_ = lock.Close()
	if _, err := f.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a file that a process left which is gone, maybe with the number of another: %v", err)
	}
}
