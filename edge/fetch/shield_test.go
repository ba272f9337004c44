package fetch

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestABodyIsReadFromItsBeginning by the origin, whatever the shield has read of it before
// it said that it does not take it; beyond what is kept it is gone.
func TestABodyIsReadFromItsBeginning(t *testing.T) {
	text := strings.Repeat("0123456789", mostKept/10)
	for _, read := range []int{0, 1, 1000, len(text)} {
		k := &kept{from: iotest.HalfReader(strings.NewReader(text))}
		if _, err := io.ReadFull(k, make([]byte, read)); err != nil {
			t.Fatal(err)
		}
		again := k.again()
		if again == nil {
			t.Fatalf("%d bytes are not kept", read)
		}
		if got, err := io.ReadAll(again); err != nil || string(got) != text {
			t.Errorf("after %d bytes: %d bytes, %v", read, len(got), err)
		}
	}
	k := &kept{from: strings.NewReader(text + text)}
	if _, err := io.ReadFull(k, make([]byte, mostKept+1)); err != nil || k.again() != nil {
		t.Errorf("more is kept than is promised: %v", err)
	}
}

// TestAReadThatWaitsLosesNothing: what it gets is the origin's, in its place.
func TestAReadThatWaitsLosesNothing(t *testing.T) {
	viewer, sends := io.Pipe()
	k := &kept{from: viewer}
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		_, _ = k.Read(make([]byte, 4)) // of the shield's connection
	}()
	if _, err := sends.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	<-waits
	go func() {
		_, _ = sends.Write([]byte(" and the rest"))
		_ = sends.Close()
	}()
	if got, err := io.ReadAll(k.again()); err != nil || string(got) != "late and the rest" {
		t.Errorf("%q, %v", got, err)
	}
}
