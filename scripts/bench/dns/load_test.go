//go:build linux

package main

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// TestSaturateCounts: every answer counts, what is not answered is lost, and a wrong answer is
// an error.
func TestSaturateCounts(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answered := make(chan int, 1)
	wrong := make(chan struct{})
	go func() {
		n := 0
		buf := make([]byte, 1500)
		for i := 0; ; i++ {
			size, from, err := c.ReadFrom(buf)
			if err != nil {
				answered <- n
				return
			}
			buf[2] |= 0x80
			binary.BigEndian.PutUint16(buf[6:], 1)
			select {
			case <-wrong:
				buf[3] |= 2 // SERVFAIL
			default:
				if i%10 == 9 {
					continue
				}
				n++
			}
			if _, err := c.WriteTo(buf[:size], from); err != nil {
				answered <- n
				return
			}
		}
	}()
	got, err := saturate(c.LocalAddr().String(), queries(true), 200*time.Millisecond)
	if err != nil || got.answers == 0 || got.lost == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	close(wrong)
	if _, err := saturate(c.LocalAddr().String(), queries(false), 200*time.Millisecond); err == nil {
		t.Error("SERVFAIL counts as an answer")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n := <-answered; n < got.answers {
		t.Errorf("%d answers were counted, %d were given", got.answers, n)
	}
}

func TestRatios(t *testing.T) {
	var r results
	for round, cpu := range []int{100, 200, 400} {
		r.add(round, "plain", "gdnsd", turn{answers: 1000, cpu: time.Duration(cpu) * time.Millisecond, took: time.Second})
		r.add(round, "plain", "warmfront", turn{answers: 1000, cpu: 200 * time.Millisecond, took: time.Second})
	}
	rows := r.ratios(config{only: []string{"gdnsd", "warmfront"}, load: []string{"plain"}})
	if got := rows[2][1]; got != "1.00 (0.50–2.00)" {
		t.Errorf("%q", got)
	}
}
