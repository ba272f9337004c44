package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Running is what `warmfront up` writes into its state folder when it is ready,
// for the commands that talk to it.
type Running struct {
	PID     int    `json:"pid"`
	Zone    string `json:"zone"`
	Control string `json:"control"` // "http://…", CloudFront's API and the console
	S3      string `json:"s3"`
	DNS     string `json:"dns"`   // host:port
	Proxy   string `json:"proxy"` // host:port
	CA      string `json:"ca"`    // path of the authority's certificate, PEM
	Ports   Ports  `json:"ports"`
	Home    string `json:"home"`
	// Distribution and Domain are the demo site's, "" without one.
	Distribution string `json:"distribution,omitempty"`
	Domain       string `json:"domain,omitempty"`
}

const runningFile = "running.json"

// ErrNotRunning says that no network runs from a state folder.
var ErrNotRunning = errors.New("no network is running here; start one with: warmfront up")

// Running returns what runs from the folder; ErrNotRunning if nothing does.
func (f Folder) Running() (Running, error) {
	var r Running
	err := f.ReadJSON(runningFile, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s: %w", string(f), ErrNotRunning)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", f.Join(runningFile), err)
	}
	if !alive(r.PID) {
		return r, fmt.Errorf("%s: %w", string(f), ErrNotRunning)
	}
	return r, nil
}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && pid > 0 && p.Signal(syscall.Signal(0)) == nil
}
