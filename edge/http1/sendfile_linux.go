package http1

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
)

const sendsFiles = true

// fileSend is a head and a part of a file on their way. RawConn calls what it is
// given with the descriptor alone, so what that works on lies here.
type fileSend struct {
	head     []byte
	fd       int
	at, left int64
	sent     int64
	err      error
	ready    func(fd uintptr) bool // try, made once
}

// sendfileMax bounds one call, so that a viewer that takes much is not served by
// one thread for long without the deadline being looked at.
const sendfileMax = 1 << 20

// sendFile sends head and then n bytes of f from at, by the kernel's own hands.
// Only for a connection of the kernel's own. It returns how much was sent.
func (l *link) sendFile(head []byte, f *os.File, at, n int64) (int64, error) {
	s := &l.file
	if s.ready == nil {
		s.ready = s.try
	}
	s.head, s.fd, s.at, s.left, s.sent, s.err = head, int(f.Fd()), at, n, 0, nil
	err := l.raw.Write(s.ready)
	counted := int64(0)
	for st := (stall{moved: int(s.sent)}); err != nil && l.renewed(&st, err); {
		counted = s.sent
		err = l.raw.Write(s.ready)
		st.moved += int(s.sent - counted)
	}
	runtime.KeepAlive(f)
	if err == nil {
		err = s.err
	}
	s.head = nil
	return s.sent, err
}

// try sends what the socket takes, and reports whether there is an end of it.
func (s *fileSend) try(fd uintptr) bool {
	for len(s.head) > 0 || s.left > 0 {
		n, err := s.once(int(fd))
		switch {
		case n > 0:
			s.sent += int64(n)
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err == nil:
			s.err = io.ErrUnexpectedEOF // the file is shorter than the section
			return true
		default:
			s.err = os.NewSyscallError("sendfile", err)
			return true
		}
	}
	return true
}

// once makes one system call. The head waits in the kernel for what follows it
// (MSG_MORE), so that they leave in full segments.
func (s *fileSend) once(fd int) (n int, err error) {
	if len(s.head) > 0 {
		if n, err = syscall.SendmsgN(fd, s.head, nil, nil, syscall.MSG_MORE|syscall.MSG_NOSIGNAL); n > 0 {
			s.head = s.head[n:]
		}
		return n, err
	}
	if n, err = syscall.Sendfile(fd, s.fd, &s.at, int(min(s.left, sendfileMax))); n > 0 {
		s.left -= int64(n)
	}
	return n, err
}
