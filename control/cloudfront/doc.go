// Package cloudfront is CloudFront's REST-XML wire format, API version
// 2020-05-31: every operation, shape, enumeration and error code of it, as data
// and as bytes. It is pure: it serves nothing and keeps nothing.
//
// One request goes through it like this. Route tells from method, path and
// query which of the 167 operations is meant, with its parameters and the API
// version the client speaks. Operation.Check refuses parameters the operation
// cannot do without. Decode turns the body into the operation's shape, and
// refuses what CloudFront refuses, in CloudFront's words: a member that is
// missing, a value outside its enumeration, a Quantity that is not the number of
// Items. What the caller then makes of it is written by Marshal, in the
// namespace of the version that was asked in; a failure is an *Error, which
// knows its status and writes its own body. ETag, Location and x-amzn-RequestId
// are headers, and the caller's to set.
//
// Presence survives. A member that may be absent is a pointer, a slice or an
// enumeration ("" is no value of any), one that may not is a plain value, which
// Decode has made sure of. So Marshal of what Decode read is the document as it
// was received, less comments, white space between elements and their order:
// that is the form in which a configuration is kept, and FillDefaults adds what
// CloudFront adds only when it is shown. Unmarshal reads such kept documents
// and CloudFront's responses; it skips elements it does not know, because a
// newer Warmfront or a newer CloudFront may have written them.
//
// The files named *_gen.go are written by scripts/cloudfrontgen.
package cloudfront
