package quickjs

import _ "embed"

//go:embed js/setup.js
var setupSource string

//go:embed js/bytes.js
var bytesSource string

//go:embed js/buffer.js
var bufferSource string

//go:embed js/crypto.js
var cryptoSource string

//go:embed js/querystring.js
var querystringSource string

//go:embed js/cloudfront.js
var cloudfrontSource string

// module is one that runs before a function's code, which imports it by its name.
type module struct{ name, source string }

// modules are those of a version of the runtime, in the order in which they run. What is
// not to be imported has a name that nobody can write.
func modules(v Version) []module {
	setup := module{"\x01setup", setupSource}
	if v == V1 {
		return []module{setup, {"\x01bytes", bytesSource}}
	}
	return []module{
		setup, {"buffer", bufferSource}, {"crypto", cryptoSource}, {"querystring", querystringSource}, {"cloudfront", cloudfrontSource},
	}
}
