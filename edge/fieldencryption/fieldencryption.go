// Package fieldencryption encrypts fields of the forms that viewers send, so that only who
// has the private key can read them: not the origin that takes the form, nor anything
// behind it.
//
// Encrypt is given a request with its body and the configuration of its behavior, and
// returns what becomes of it: another body, the same, or a refusal. The profile is that of
// the query argument fle-profile, else that of the content type; each field whose name it
// knows is replaced by a message of the AWS Encryption SDK in base64 (see seal). The
// origin's request is made of the whole form: of one that is refused it sees nothing. Open
// reads such a message, for whoever has the private key and not the SDK; no edge does.
package fieldencryption

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/url"
	"strings"

	"github.com/warmfront/warmfront/cdn/fieldlevel"
	"github.com/warmfront/warmfront/edge/message"
)

// CloudFront's quotas (developer guide, "Quotas on field-level encryption").
const (
	MaxBody   = 1 << 20  // bytes
	MaxFields = 10       // of a form
	MaxField  = 16 << 10 // bytes of a field that is encrypted
)

// Status is what became of a request, as fle-status in the access log says it
// (developer guide, "Standard logging reference").
type Status string

// The statuses.
const (
	Processed          Status = "Processed"
	ForwardedByType    Status = "ForwardedByContentType"
	ForwardedByArgs    Status = "ForwardedByQueryArgs"
	ForwardedNoProfile Status = "ForwardedDueToNoProfile"
	MalformedType      Status = "MalformedContentTypeClientError"
	MalformedInput     Status = "MalformedInputClientError"
	MalformedArgs      Status = "MalformedQueryArgsClientError"
	RejectedByType     Status = "RejectedByContentType"
	RejectedByArgs     Status = "RejectedByQueryArgs"
	FieldTooLong       Status = "FieldLengthLimitClientError"
	TooManyFields      Status = "FieldNumberLimitClientError"
	RequestTooLong     Status = "RequestLengthLimitClientError"
	ServerError        Status = "ServerError"
)

// argument is the query argument that names a profile.
const argument = "fle-profile"

// Outcome is what became of a request.
type Outcome struct {
	Status Status
	// Fields is how many were encrypted.
	Fields int
	// Body is what the origin is sent, where Status is Processed; else the viewer's own.
	Body []byte
	// Refusal says to the viewer, with the status 400, why the request is not forwarded;
	// "" where it is.
	Refusal string
}

// Applies reports whether the fields of a request are to be encrypted: those of a POST or
// a PUT.
func Applies(r *message.Request) bool {
	return (r.Method == "POST" || r.Method == "PUT") && r.Body != nil && r.Upgrade == ""
}

// Encrypt decides what becomes of a request, and reads its body unless it is forwarded as
// it is or refused. Its error is that of the viewer's connection, or of encrypting.
func Encrypt(c *fieldlevel.Config, r *message.Request) (Outcome, error) {
	profile, out := choose(c, r)
	if profile == nil {
		return out, nil
	}
	if r.Length > MaxBody {
		return tooLong(), nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case err != nil:
		return Outcome{}, err
	case len(body) > MaxBody:
		return tooLong(), nil
	}
	return encryptForm(profile, body)
}

// choose returns the profile for a request, or what becomes of one that has none.
func choose(c *fieldlevel.Config, r *message.Request) (*fieldlevel.Profile, Outcome) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Has("Content-Type") {
		return nil, Outcome{Status: MalformedType, Refusal: "The request's Content-Type cannot be read."}
	}
	byType, known := fieldlevel.Find(c.Types, kind)
	switch {
	case !known && c.ForwardUnknownType:
		return nil, Outcome{Status: ForwardedByType}
	case !known:
		return nil, Outcome{Status: RejectedByType, Refusal: "This distribution takes forms of other content types only."}
	}
	arg, asked, err := profileAsked(r.Query)
	if err != nil {
		return nil, Outcome{Status: MalformedArgs, Refusal: "The query argument " + argument + " is empty or cannot be read."}
	}
	profile := byType.Profile
	if asked {
		byArg, known := fieldlevel.Find(c.Args, arg)
		switch {
		case !known && c.ForwardUnknownArg:
			return nil, Outcome{Status: ForwardedByArgs}
		case !known:
			return nil, Outcome{Status: RejectedByArgs, Refusal: "The query argument " + argument + " names nothing that this distribution knows."}
		}
		profile = byArg.Profile
	}
	if profile == nil {
		return nil, Outcome{Status: ForwardedNoProfile}
	}
	return profile, Outcome{}
}

// profileAsked returns the value of the query argument that names a profile.
func profileAsked(query string) (value string, asked bool, err error) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != argument {
			continue
		}
		if value, err = url.QueryUnescape(value); err == nil && value == "" {
			err = errors.New("empty")
		}
		return value, true, err
	}
	return "", false, nil
}

func tooLong() Outcome {
	return Outcome{Status: RequestTooLong, Refusal: "The request's body is longer than 1 MiB."}
}

// encryptForm encrypts the fields of a form that the profile names. The others are kept
// as they were written.
func encryptForm(p *fieldlevel.Profile, body []byte) (Outcome, error) {
	var to bytes.Buffer
	fields, encrypted := 0, 0
	for pair := range strings.SplitSeq(string(body), "&") {
		if fields++; fields > MaxFields {
			return Outcome{Status: TooManyFields, Refusal: "The form has more than 10 fields."}, nil
		}
		if fields > 1 {
			to.WriteByte('&')
		}
		written, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(written)
		plain, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return Outcome{Status: MalformedInput, Refusal: "The request's body is not a form."}, nil
		}
		entity := p.For(name)
		if entity == nil {
			to.WriteString(pair)
			continue
		}
		if len(plain) > MaxField {
			return Outcome{Status: FieldTooLong, Refusal: "A field of the form is longer than 16 KiB."}, nil
		}
		sealed, err := seal([]byte(plain), entity)
		if err != nil {
			return Outcome{Status: ServerError}, err
		}
		encrypted++
		to.WriteString(written + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sealed)))
	}
	return Outcome{Status: Processed, Fields: encrypted, Body: to.Bytes()}, nil
}
