package supervise

import (
	"context"
	"errors"
	"io"
	"testing"
)

// life is a program that notes when it is stopped.
type life struct {
	name    string
	stopped chan<- string
	fail    error
}

func (l life) Run(ctx context.Context) error {
	if l.fail != nil {
		return l.fail
	}
	<-ctx.Done()
	return ctx.Err()
}

func (l life) Close() error { l.stopped <- l.name; return nil }

func TestSupervisorStopsInGroupsThenInReverse(t *testing.T) {
	stopped := make(chan string, 10)
	s := New()
	for _, name := range []string{"control", "origin", "edge A", "edge B", "router"} {
		s.Start(t.Context(), name, life{name: name, stopped: stopped})
	}
	if err := s.StopAll([]string{"edge"}); err != nil {
		t.Fatal(err)
	}
	first := map[string]bool{<-stopped: true, <-stopped: true}
	if !first["edge A"] || !first["edge B"] {
		t.Errorf("first %v", first)
	}
	for _, want := range []string{"router", "origin", "control"} {
		if got := <-stopped; got != want {
			t.Errorf("stopped %s, want %s", got, want)
		}
	}
}

func TestSupervisorEndsTheWaitWhenAProgramFails(t *testing.T) {
	s := New()
	s.Start(t.Context(), "bad", life{name: "bad", stopped: make(chan string, 1), fail: io.ErrUnexpectedEOF})
	s.Wait(context.Background())
	if err := s.StopAll(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("err %v", err)
	}
}
