package http1

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const sendsFiles = true

// fileSend is a head and a part of a file on their way. RawConn calls what it is
// given with the descriptor alone, so what that works on lies here.
type fileSend struct {
	head     []byte
	of       *os.File // the last one sent
	file     syscall.RawConn
	at, left int64
	sent     int64
	err      error
	ready    func(fd uintptr) bool // try, made once

	// One call of sendfile: where it sends to, and what came of it.
	to     int
	n      int
	failed error
	call   func(fd uintptr) // section, made once
}

// sendfileMax bounds one call, so that a viewer that takes much is not served by
// one thread for long without the deadline being looked at.
const sendfileMax = 1 << 20

// sendFile sends head and then n bytes of f from at, by the kernel's own hands.
// Only for a connection of the kernel's own. It returns how much was sent.
//
// The file's descriptor is held for the length of one system call and never while
// the viewer is waited for: once the file is closed, which is an error then, the
// number may be another file's.
func (l *link) sendFile(head []byte, f *os.File, at, n int64) (int64, error) {
	s := &l.file
	if s.ready == nil {
		s.ready, s.call = s.try, s.section
	}
	if s.of != f { // what is sent again and again allocates nothing
		file, err := f.SyscallConn()
		if err != nil {
			return 0, err
		}
		s.of, s.file = f, file
	}
	s.head, s.at, s.left, s.sent, s.err = head, at, n, 0, nil
	err := l.raw.Write(s.ready)
	counted := int64(0)
	for st := (stall{moved: int(s.sent)}); err != nil && l.renewed(&st, err); {
		counted = s.sent
		err = l.raw.Write(s.ready)
		st.moved += int(s.sent - counted)
	}
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
	s.to = fd
	if err = s.file.Control(s.call); err != nil {
		return 0, err
	}
	if s.n > 0 {
		s.left -= int64(s.n)
	}
	return s.n, s.failed
}

// section sends what the socket takes of the file.
func (s *fileSend) section(fd uintptr) {
	s.n, s.failed = syscall.Sendfile(s.to, int(fd), &s.at, int(min(s.left, sendfileMax)))
}
