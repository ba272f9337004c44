package http1

// refusal is why a request is not read: a status and a sentence for a person. It
// is an error of the viewer's, which who reads a request's body can tell from the
// origin's by errors.As with interface{ error; Status() int; Sentence() string }.
type refusal struct {
	status   int
	sentence string
}

func (r *refusal) Error() string    { return "viewer: " + r.sentence }
func (r *refusal) Status() int      { return r.status }
func (r *refusal) Sentence() string { return r.sentence }

// All that is refused. The status is the one that RFC 9110 or RFC 9112 gives for
// it, 400 where neither does.
var (
	errBareLF      = &refusal{400, "A line ends in a line feed alone."}                               // RFC 9112 section 2.2 allows it; a proxy in front may not
	errRequestLine = &refusal{400, "The request line is malformed."}                                  // section 3
	errMethod      = &refusal{400, "The method is no token."}                                         // RFC 9110 section 9.1
	errConnect     = &refusal{405, "This is no proxy to connect through."}                            // section 9.3.6
	errVersion     = &refusal{505, "The version of HTTP is neither 1.0 nor 1.1."}                     // section 15.6.6
	errTargetForm  = &refusal{400, "The request target is neither a path nor a URL of http."}         // RFC 9112 section 3.2
	errTargetByte  = &refusal{400, "The request target holds a byte that has to be percent-encoded."} // RFC 3986 section 2
	errEscape      = &refusal{400, "The path holds a percent sign without two hexadecimal digits."}   // section 2.1
	errURLSize     = &refusal{413, "The URL is too long."}                                            // what CloudFront answers, not 414

	errFold        = &refusal{400, "A header field is folded over two lines."}                // RFC 9112 section 5.2
	errFieldName   = &refusal{400, "The name of a header field is no token."}                 // section 5.1: whitespace before the colon
	errFieldValue  = &refusal{400, "The value of a header field holds a control character."}  // RFC 9110 section 5.5
	errFieldCount  = &refusal{431, "The request has too many header fields."}                 // RFC 6585 section 5
	errHeaderSize  = &refusal{431, "The request's header is too large."}                      // the same
	errNoHost      = &refusal{400, "The request has no Host."}                                // RFC 9112 section 3.2
	errHosts       = &refusal{400, "The request has more than one Host."}                     // the same
	errHost        = &refusal{400, "The Host is malformed."}                                  // the same
	errLength      = &refusal{400, "The Content-Length is no number."}                        // section 6.3
	errLengths     = &refusal{400, "The request has more than one Content-Length."}           // section 6.3 allows equal ones
	errBothLengths = &refusal{400, "Transfer-Encoding and Content-Length exclude another."}   // section 6.1
	errCodings     = &refusal{400, "The request has more than one Transfer-Encoding."}        // section 6.1 allows a list
	errCoding      = &refusal{501, "The Transfer-Encoding is not chunked."}                   // section 6.1
	errCodingOf10  = &refusal{400, "HTTP/1.0 has no Transfer-Encoding."}                      // the same
	errExpectation = &refusal{417, "The expectation is not 100-continue."}                    // RFC 9110 section 10.1.1
	errSlowHeader  = &refusal{408, "The header of the request did not arrive in time."}       // section 15.5.9
	errShortHeader = &refusal{400, "The connection ended in the middle of a header."}         // RFC 9112 section 8
	errPlain       = &refusal{400, "A request without encryption was sent to an HTTPS port."} // RFC 9110 section 7.4, too early for 421
	errNoAnswer    = &refusal{500, "The edge location failed to answer."}

	errChunkSize      = &refusal{400, "A chunk of the body has a malformed size."}              // RFC 9112 section 7.1
	errChunkEnd       = &refusal{400, "A chunk of the body is not as long as it says."}         // the same
	errChunkExtension = &refusal{400, "The extensions of the body's chunks are too large."}     // section 7.1.1
	errTrailer        = &refusal{400, "The body's trailer is malformed or has what is not."}    // section 7.1.2
	errTrailerSize    = &refusal{431, "The body's trailer is too large."}                       // the same
	errShortBody      = &refusal{400, "The viewer's connection ended in the middle of a body."} // section 8
	errSlowBody       = &refusal{408, "The body of the request did not arrive in time."}        // RFC 9110 section 15.5.9
	errBodyOver       = &refusal{400, "The request has been answered."}
)
