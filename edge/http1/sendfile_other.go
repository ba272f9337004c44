//go:build !linux

package http1

import (
	"errors"
	"os"
)

const sendsFiles = false

type fileSend struct{}

func (l *link) sendFile([]byte, *os.File, int64, int64) (int64, error) {
	return 0, errors.ErrUnsupported
}
