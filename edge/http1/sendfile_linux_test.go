package http1

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestAFileClosedWhileItIsSentIsNeverAnother: the viewer is slow, and the file's
// descriptor is another file's by the time it takes more.
func TestAFileClosedWhileItIsSentIsNeverAnother(t *testing.T) {
	const size = 32 << 20 // more than the kernel holds for a connection
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	viewer := connect(t, ln.Addr().String())
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = accepted.Close() }()
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, bytes.Repeat([]byte("b"), size), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := newLink(accepted).sendFile([]byte("head"), f, 0, size)
		_ = accepted.Close()
		sent <- err
	}()
	if _, err := io.ReadFull(viewer, make([]byte, len("head")+1)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 8 { // one of them takes the number
		o, err := os.Open(other)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
	}
	got, _ := io.ReadAll(viewer) // it breaks off
	if i := bytes.IndexByte(got, 'b'); i >= 0 {
		t.Errorf("byte %d is of another file", i)
	}
	if err := <-sent; err == nil {
		t.Error("sending a file that was closed has not failed")
	}
}
