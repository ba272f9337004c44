package statefolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/warmfront/warmfront/network/ports"
)

// Running is what `warmfront up` writes into its state folder when it is ready,
// for the commands that talk to it.
type Running struct {
	PID     int         `json:"pid"`
	Zone    string      `json:"zone"`
	Control string      `json:"control"` // "http://…", CloudFront's API and the console
	S3      string      `json:"s3"`
	DNS     string      `json:"dns"`   // host:port
	Proxy   string      `json:"proxy"` // host:port
	CA      string      `json:"ca"`    // path of the authority's certificate, PEM
	Ports   ports.Ports `json:"ports"`
	Home    string      `json:"home"`
	// Traces is where they are sent, "" for nowhere.
	Traces string `json:"traces,omitempty"`
	// Distribution and Domain are the demo site's, "" without one.
	Distribution string `json:"distribution,omitempty"`
	Domain       string `json:"domain,omitempty"`
}

// RunningFile is the name of the file that holds it.
const RunningFile = "running.json"

// ErrNotRunning says that no network runs from a state folder.
var ErrNotRunning = errors.New("no network is running here; start one with: warmfront up")

// ErrLocked says that another process has the folder.
var ErrLocked = errors.New("another process uses the folder")

// Lock takes the folder for this process until the file is closed, or the process
// ends in whatever way: the kernel lets go of it, so a folder is never thought to
// be in use by a process that is gone, or by another that has its number.
func (f Folder) Lock() (file *os.File, err error) {
	// A command that only looks holds a shared lock for a moment.
	for range 10 {
		if file, err = f.flock(syscall.LOCK_EX); !errors.Is(err, ErrLocked) {
			return file, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}

func (f Folder) flock(how int) (*os.File, error) {
	file, err := os.OpenFile(f.Join("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Running returns what runs from the folder; ErrNotRunning if nothing does.
func (f Folder) Running() (Running, error) {
	var r Running
	if _, err := os.Stat(f.Join("lock")); errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s: %w", string(f), ErrNotRunning)
	}
	lock, err := f.flock(syscall.LOCK_SH)
	if err == nil {
		return r, errors.Join(fmt.Errorf("%s: %w", string(f), ErrNotRunning), lock.Close())
	}
	if !errors.Is(err, ErrLocked) {
		return r, err
	}
	err = f.ReadJSON(RunningFile, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s: the network is starting: %w", string(f), ErrNotRunning)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", f.Join(RunningFile), err)
	}
	return r, nil
}
