package portowner

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Of names the process that listens on an address, "name (pid 12)", or ""
// where /proc does not tell (another user's process).
func Of(a net.Addr) string {
	var port int
	table := "/proc/net/tcp"
	switch a := a.(type) {
	case *net.TCPAddr:
		port = a.Port
	case *net.UDPAddr:
		port, table = a.Port, "/proc/net/udp"
	default:
		return ""
	}
	want, _ := netip.ParseAddrPort(a.String())
	for _, t := range []string{table, table + "6"} {
		for inode := range listeners(t, port, want.Addr()) {
			if owner := socketOwner(inode); owner != "" {
				return owner
			}
		}
	}
	return ""
}

// listeners yields the inodes of sockets in a /proc/net table that listen on the
// port at addr or at every address.
func listeners(table string, port int, addr netip.Addr) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		f, err := os.Open(table)
		if err != nil {
			return
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			fields := strings.Fields(s.Text())
			if len(fields) < 10 || fields[3] != "0A" && !strings.Contains(table, "udp") {
				continue
			}
			host, p, _ := strings.Cut(fields[1], ":")
			if n, err := strconv.ParseInt(p, 16, 32); err != nil || int(n) != port {
				continue
			}
			b, err := hex.DecodeString(host)
			if err != nil || len(b) != 4 && len(b) != 16 {
				continue
			}
			local := littleEndianAddr(b)
			if (local.Unmap() == addr.Unmap() || local.IsUnspecified()) && !yield(fields[9]) {
				return
			}
		}
	}
}

// littleEndianAddr reads an address as /proc/net prints it: 32-bit words in the
// machine's byte order.
func littleEndianAddr(b []byte) netip.Addr {
	for i := 0; i < len(b); i += 4 {
		b[i], b[i+1], b[i+2], b[i+3] = b[i+3], b[i+2], b[i+1], b[i]
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func socketOwner(inode string) string {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "socket:["+inode+"]" {
			pid := strings.Split(link, "/")[2]
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
		}
	}
	return ""
}
