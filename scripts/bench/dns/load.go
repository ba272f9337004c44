//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// turn is what one server did in one turn.
type turn struct {
	answers, lost int
	took, cpu     time.Duration
	p50, p99      time.Duration // of "steady" and the floods
}

// perCPU is answers a second of the server's CPU.
func (t turn) perCPU() float64 { return float64(t.answers) / t.cpu.Seconds() }

func (t turn) String() string {
	s := fmt.Sprintf("%.0f a CPU second, %.0f a second, %d lost", t.perCPU(), float64(t.answers)/t.took.Seconds(), t.lost)
	if t.p99 > 0 {
		s += fmt.Sprintf(", p50 %v, p99 %v", t.p50, t.p99)
	}
	return s
}

// pin moves all threads of this process to a CPU; those to come follow.
func pin(cpu int) error {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	var set unix.CPUSet
	set.Set(cpu)
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("the loader cannot have CPU %d: %w", cpu, err)
		}
	}
	return nil
}

// queries are packets with another random /24 each, always the same ones, or one without
// EDNS.
func queries(subnet bool) [][]byte {
	plain := []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(benchName, ".") {
		plain = append(append(plain, byte(len(label))), label...)
	}
	plain = append(plain, 0, 0, 1, 0, 1)
	if !subnet {
		return [][]byte{plain}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	out := make([][]byte, 10_000)
	for i := range out {
		q := slices.Clone(plain)
		q[11] = 1
		q = append(q, 0, 0, 41, 1232>>8, 1232&0xff, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0)
		// Of networks that are routed, more or less: 1.0.0.0 to 223.255.255.0.
		out[i] = append(q, byte(1+rnd.IntN(223)), byte(rnd.Uint32()), byte(rnd.Uint32()))
	}
	return out
}

const (
	batchSize = 64
	// window is how many queries are without an answer at most. The buffer of a socket that
	// was left as it is takes not many more.
	window = 128
	idMask = 1<<16 - 1
)

type message struct {
	unix.Msghdr
	n uint32
}

// loader sends and receives on one socket, many packets with each call.
type loader struct {
	fd       int
	queries  [][]byte
	any      bool // whatever is answered is right, and not looked at
	next     int  // which is sent next, of all time; its low 16 bits are the id
	out, in  [batchSize]message
	outVec   [batchSize]unix.Iovec
	inVec    [batchSize]unix.Iovec
	sending  [batchSize][512]byte
	incoming [batchSize][1500]byte
}

func newLoader(addr string, queries [][]byte) (*loader, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	wait := unix.NsecToTimeval(int64(20 * time.Millisecond))
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	l := &loader{fd: fd, queries: queries}
	for i := range batchSize {
		l.outVec[i].Base, l.inVec[i].Base = &l.sending[i][0], &l.incoming[i][0]
		l.inVec[i].SetLen(len(l.incoming[i]))
		l.out[i].Iov, l.in[i].Iov = &l.outVec[i], &l.inVec[i]
		l.out[i].SetIovlen(1)
		l.in[i].SetIovlen(1)
	}
	return l, nil
}

// send sends n queries and returns how many the kernel took.
func (l *loader) send(n int) (int, error) {
	for i := range n {
		q := l.queries[(l.next+i)%len(l.queries)]
		copy(l.sending[i][:], q)
		binary.BigEndian.PutUint16(l.sending[i][:], uint16((l.next+i)&idMask))
		l.outVec[i].SetLen(len(q))
	}
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(l.fd), uintptr(unsafe.Pointer(&l.out[0])), uintptr(n), 0, 0, 0)
	switch errno {
	case 0:
		l.next += int(sent)
		return int(sent), nil
	case unix.EINTR, unix.ENOBUFS, unix.ECONNREFUSED: // the last is of a server that does not listen yet
		return 0, nil
	}
	return 0, errno
}

// receive waits for the first answer, 20 ms at most, and calls got with the id of each
// that is there.
func (l *loader) receive(flags uintptr, got func(id uint16)) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(l.fd), uintptr(unsafe.Pointer(&l.in[0])), batchSize, flags, 0, 0)
	switch errno {
	case 0:
	case unix.EAGAIN, unix.EINTR, unix.ECONNREFUSED:
		return 0, nil
	default:
		return 0, errno
	}
	for i := range int(n) {
		if l.any {
			continue
		}
		b := l.incoming[i][:l.in[i].n]
		// An answer, NOERROR, with one record.
		if len(b) < 12 || b[2]&0x80 == 0 || b[3]&0x0f != 0 || binary.BigEndian.Uint16(b[6:]) != 1 {
			return 0, fmt.Errorf("the answer %x is not what was asked for", b)
		}
		got(binary.BigEndian.Uint16(b))
	}
	return int(n), nil
}

// saturate asks as fast as answers come back.
func saturate(addr string, queries [][]byte, d time.Duration) (t turn, err error) {
	l, err := newLoader(addr, queries)
	if err != nil {
		return t, err
	}
	defer unix.Close(l.fd)
	open := 0
	start := time.Now()
	for t.took < d {
		if n := min(batchSize, window-open); n > 0 {
			sent, err := l.send(n)
			if err != nil {
				return t, err
			}
			open += sent
		}
		n, err := l.receive(unix.MSG_WAITFORONE, func(uint16) {})
		if err != nil {
			return t, err
		}
		t.answers += n
		if open -= n; n == 0 || open < 0 { // nothing came for 20 ms: what is open is lost
			t.lost, open = t.lost+max(open, 0), 0
		}
		t.took = time.Since(start)
	}
	return t, nil
}

// stream is queries at a rate a second.
type stream struct {
	queries [][]byte
	rate    int
}

// badQueries are for random names below the zone; every third is cut off.
func badQueries() [][]byte {
	rnd := rand.New(rand.NewPCG(2, 2))
	plain := queries(false)[0]
	out := make([][]byte, 10_000)
	for i := range out {
		q := slices.Clone(plain[:12])
		q = append(q, 12)
		for range 12 {
			q = append(q, byte('a'+rnd.IntN(26)))
		}
		q = append(q, plain[12+1+len("dbench"):]...)
		if i%3 == 0 {
			q = q[:len(q)-1-rnd.IntN(12)]
		}
		out[i] = q
	}
	return out
}

// steady sends what is due each tenth of a millisecond, whether answers come or not. What is
// sent beside it is not looked at.
func steady(addr string, main stream, d time.Duration, beside ...stream) (t turn, err error) {
	l, err := newLoader(addr, main.queries)
	if err != nil {
		return t, err
	}
	defer unix.Close(l.fd)
	var others []*loader
	for _, b := range beside {
		o, err := newLoader(addr, b.queries)
		if err != nil {
			return t, err
		}
		defer unix.Close(o.fd)
		o.any = true
		others = append(others, o)
	}
	var sentAt [idMask + 1]time.Time
	var times []time.Duration
	start := time.Now()
	got := func(id uint16) {
		if at := sentAt[id]; !at.IsZero() {
			times = append(times, time.Since(at))
			sentAt[id] = time.Time{}
		}
	}
	// What comes within a tenth of a second after the last was sent counts too.
	for t.took < d+100*time.Millisecond {
		t.took = time.Since(start)
		if t.took < d {
			for i, o := range others {
				if err := o.due(t.took, beside[i].rate, func(int) {}); err != nil {
					return t, err
				}
			}
			if err := l.due(t.took, main.rate, func(id int) { sentAt[id] = time.Now() }); err != nil {
				return t, err
			}
		}
		n := 0
		for _, o := range append(others, l) {
			if n, err = o.receive(unix.MSG_DONTWAIT, got); err != nil {
				return t, err
			}
		}
		if n == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
	t.answers, t.lost = len(times), l.next-len(times)
	if len(times) == 0 {
		return t, errors.New("no answers")
	}
	slices.Sort(times)
	t.took = d
	t.p50, t.p99 = times[len(times)/2], times[len(times)*99/100]
	return t, nil
}

// due sends what should have been sent by now, a batch at most, and says first of each that
// it goes.
func (l *loader) due(now time.Duration, rate int, goes func(id int)) error {
	n := min(int(now.Seconds()*float64(rate))-l.next, batchSize)
	if n <= 0 {
		return nil
	}
	for i := range n {
		goes((l.next + i) & idMask)
	}
	_, err := l.send(n)
	return err
}

// loadAverage is how loaded the machine is, this included.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
