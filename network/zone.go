package network

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// DefaultZone is the domain a network is authoritative for unless told otherwise.
const DefaultZone = "warmfront.test"

// CheckZone says in words what is wrong with a --zone (RFC 1035 section 2.3.1: letters,
// digits and hyphens).
func CheckZone(zone string) error {
	for label := range strings.SplitSeq(zone, ".") {
		ok := label != "" && len(label) <= 63 && !strings.HasPrefix(label, "-") && !strings.HasSuffix(label, "-")
		for _, r := range label {
			ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
		}
		if !ok || len(zone) > 200 {
			return fmt.Errorf("--zone %q is not a domain name in lower case, such as warmfront.test", zone)
		}
	}
	return nil
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
