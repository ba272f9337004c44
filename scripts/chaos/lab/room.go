package lab

import (
	"fmt"
	"net/netip"
	"os"
)

// Room is the bridge, and the disks are mounted in it.
type Room struct{ bridge string }

// NewRoom prepares the namespaces that Enter made: nothing that is mounted here is seen outside, /proc shows the
// processes of the room, /run is empty, and there is a bridge.
func NewRoom() (*Room, error) {
	if !Inside() {
		return nil, fmt.Errorf("a room is made by the first process of namespaces of its own, not by process %d", os.Getpid())
	}
	r := &Room{bridge: "bridge"}
	for _, args := range [][]string{
		{"mount", "--make-rprivate", "/"},
		{"mount", "-t", "proc", "proc", "/proc"},
		{"mount", "-t", "tmpfs", "room", "/run"},
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", r.bridge, "type", "bridge"},
		{"ip", "link", "set", r.bridge, "up"},
	} {
		if err := run(args[0], args[1:]...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Add makes a network namespace with an address on the bridge.
func (r *Room) Add(name string, addr netip.Prefix) (*Namespace, error) {
	n := &Namespace{Name: name, Addr: addr.Addr()}
	port := fmt.Sprintf("p%08x", addr.Addr().As4()) // an interface's name has at most 15 characters
	for _, args := range [][]string{
		{"netns", "add", name},
		{"link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name},
		{"link", "set", port, "master", r.bridge, "up"},
		{"-n", name, "link", "set", "lo", "up"},
		{"-n", name, "addr", "add", addr.String(), "dev", "eth0"},
		{"-n", name, "link", "set", "eth0", "up"},
	} {
		if err := run("ip", args...); err != nil {
			return nil, err
		}
	}
	var err error
	n.file, err = os.Open("/run/netns/" + name)
	return n, err
}

// Disk mounts a disk of a size of its own at dir.
func (r *Room) Disk(dir string, mebibytes int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return run("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=700", mebibytes), "disk", dir)
}
