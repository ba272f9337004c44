package viewer

import (
	"encoding/json"
	"fmt"
)

// PAC returns a proxy auto-configuration file: the names, which may begin with
// "*.", go through the proxy at host:port, everything else as ever.
func PAC(proxy string, names []string) (string, error) {
	list, err := json.Marshal(names)
	return fmt.Sprintf("function FindProxyForURL(url, host) {\n  var names = %s;\n  for (var i = 0; i < names.length; i++)\n"+
		"    if (shExpMatch(host, names[i])) return \"PROXY %s\";\n  return \"DIRECT\";\n}\n", list, proxy), err
}
