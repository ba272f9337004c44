package accesslog

// The result types, which x-edge-result-type, x-edge-response-result-type and X-Cache
// have (developer guide, "Log file fields"). All of them are here: who adds one adds it
// here, and gives it a number in package edge.
const (
	Miss          = "Miss"
	Hit           = "Hit"
	RefreshHit    = "RefreshHit" // the origin confirmed what was stored
	Error         = "Error"
	Redirect      = "Redirect"      // to HTTPS, or to a better edge location
	LimitExceeded = "LimitExceeded" // a quota of CloudFront's is exceeded (number 504)
	// OriginShieldHit is in X-Cache and a detailed type; the type is Hit then.
	OriginShieldHit = "OriginShieldHit"
)

// The detailed types, which x-edge-detailed-result-type has where it is not the result
// type. Of an origin's failures most are package upstream's Reasons.
const (
	AbortedOrigin             = "AbortedOrigin"             // the origin's answer broke off, or it gave none
	ClientCommError           = "ClientCommError"           // the answer broke off on the viewer's side
	ClientGeoBlocked          = "ClientGeoBlocked"          // the viewer's country is not served
	ClientHungUpRequest       = "ClientHungUpRequest"       // the viewer had left before there was an answer
	InvalidRequest            = "InvalidRequest"            // malformed
	InvalidRequestBlocked     = "InvalidRequestBlocked"     // refused
	InvalidRequestCertificate = "InvalidRequestCertificate" // for a name that the certificate is not for
	InvalidRequestHeader      = "InvalidRequestHeader"      // too large a header
	InvalidRequestMethod      = "InvalidRequestMethod"      // a method that the behavior does not allow
	OriginCommError           = "OriginCommError"           // the origin was too slow
	OriginConnectError        = "OriginConnectError"        // no connection, or no TLS
	OriginError               = "OriginError"               // the origin answered 5xx
	// OriginFailover is Warmfront's own: a group's second origin answered (difference 228).
	OriginFailover = "OriginFailover"
)
