package fieldencryption

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/warmfront/warmfront/cdn/fieldlevel"
	"github.com/warmfront/warmfront/edge/message"
)

func post(contentType, query, body string) *message.Request {
	r := &message.Request{Method: "POST", Query: query, Body: strings.NewReader(body), Length: int64(len(body))}
	if contentType != "" {
		r.Header.Add("content-type", contentType)
	}
	return r
}

const form = "application/x-www-form-urlencoded"

// TestEncrypt: which profile a request has, what is refused, and what the origin is sent
// (beliefs 537 and 538).
func TestEncrypt(t *testing.T) {
	e, key := entity(t, "card", "secret*")
	all, _ := entity(t, "*")
	byType := &fieldlevel.Profile{ID: "P1", Entities: []fieldlevel.Entity{*e}}
	known := &fieldlevel.Config{Types: []fieldlevel.Mapping{{Value: form, Profile: byType}}}
	open := &fieldlevel.Config{
		Types: []fieldlevel.Mapping{{Value: form}}, ForwardUnknownType: true, ForwardUnknownArg: true,
		Args: []fieldlevel.Mapping{{Value: "full", Profile: &fieldlevel.Profile{Entities: []fieldlevel.Entity{*all}}}, {Value: "none"}},
	}
	long := strings.Repeat("a", MaxField)
	for _, c := range []struct {
		name    string
		config  *fieldlevel.Config
		request *message.Request
		status  Status
		fields  int
		refused bool
	}{
		{"a form", known, post(form+"; charset=utf-8", "", "card=41+11%21&name=a%20b&secretive=1&Card=2&secret"), Processed, 3, false},
		{"a form without such fields", known, post(form, "a=b", "name=x&&=&"), Processed, 0, false},
		{"nothing", known, post(form, "", ""), Processed, 0, false},
		{"another type", known, post("application/json", "", "{}"), RejectedByType, 0, true},
		{"no type", known, post("", "", "card=1"), RejectedByType, 0, true},
		{"another type that is forwarded", open, post("application/json", "fle-profile=full", "{}"), ForwardedByType, 0, false},
		{"a type that cannot be read", open, post("a/b;c", "", "card=1"), MalformedType, 0, true},
		{"no profile", open, post(form, "", "card=1"), ForwardedNoProfile, 0, false},
		{"a profile by argument", open, post(form, "x=1&fle-profile=full", "card=1&other=2"), Processed, 2, false},
		{"no profile by argument", open, post(form, "fle-profile=none", "card=1"), ForwardedNoProfile, 0, false},
		{"an unknown argument", known, post(form, "fle-profile=full", "card=1"), RejectedByArgs, 0, true},
		{"an unknown argument that is forwarded", open, post(form, "fle-profile=other", "card=1"), ForwardedByArgs, 0, false},
		{"an empty argument", open, post(form, "fle-profile=", "card=1"), MalformedArgs, 0, true},
		{"an argument that cannot be read", open, post(form, "fle-profile=%zz", "card=1"), MalformedArgs, 0, true},
		{"no form", known, post(form, "", "card=%zz"), MalformedInput, 0, true},
		{"ten fields", known, post(form, "", strings.Repeat("a=b&", 9)+"card=1"), Processed, 1, false},
		{"eleven fields", known, post(form, "", strings.Repeat("a=b&", 10)+"card=1"), TooManyFields, 0, true},
		{"a long field", known, post(form, "", "card="+long), Processed, 1, false},
		{"a field that is too long", known, post(form, "", "card=a"+long), FieldTooLong, 0, true},
		{"a long field of no interest", known, post(form, "", "name=a"+long), Processed, 0, false},
		{"a body that is too long", known, post(form, "", "name="+strings.Repeat("a", MaxBody)), RequestTooLong, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := ""
			if b, ok := c.request.Body.(*strings.Reader); ok && b.Len() < MaxBody {
				bytes, _ := io.ReadAll(b)
				was = string(bytes)
				b.Reset(was)
			}
			out, err := Encrypt(c.config, c.request)
			if err != nil || out.Status != c.status || out.Fields != c.fields || (out.Refusal != "") != c.refused {
				t.Fatalf("%s, %d fields, %q, %v", out.Status, out.Fields, out.Refusal, err)
			}
			if out.Status == Processed && c.config == known {
				same(t, was, string(out.Body), key)
			}
		})
	}
}

// same reports where a form, decrypted, is not what it was.
func same(t *testing.T, was, is string, key *rsa.PrivateKey) {
	t.Helper()
	before, after := strings.Split(was, "&"), strings.Split(is, "&")
	if len(before) != len(after) {
		t.Fatalf("%d fields are %d", len(before), len(after))
	}
	for i := range before {
		name, value, _ := strings.Cut(before[i], "=")
		if !strings.HasPrefix(name, "secret") && name != "card" {
			if before[i] != after[i] {
				t.Errorf("%q is %q", before[i], after[i])
			}
			continue
		}
		_, sealed, _ := strings.Cut(after[i], "=")
		text, _ := url.QueryUnescape(sealed)
		m, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := open(m, "payments", "key-1", key)
		if want, _ := url.QueryUnescape(value); err != nil || string(plain) != want {
			t.Errorf("%s is %q, %v", before[i], plain, err)
		}
	}
}

// TestBodiesThatDoNotCome: an unknown length is limited all the same, and a connection
// that breaks is no empty form.
func TestBodiesThatDoNotCome(t *testing.T) {
	e, _ := entity(t, "card")
	c := &fieldlevel.Config{Types: []fieldlevel.Mapping{{Value: form, Profile: &fieldlevel.Profile{Entities: []fieldlevel.Entity{*e}}}}}
	r := post(form, "", "card="+strings.Repeat("a", MaxBody))
	r.Length = -1
	if out, err := Encrypt(c, r); err != nil || out.Status != RequestTooLong {
		t.Errorf("%v, %v", out.Status, err)
	}
	broken := errors.New("broken")
	r = post(form, "", "")
	r.Body = io.MultiReader(strings.NewReader("card=1"), iotest.ErrReader(broken))
	if out, err := Encrypt(c, r); !errors.Is(err, broken) || out.Body != nil {
		t.Errorf("%v, %v", out, err)
	}
	c.Types[0].Profile.Entities[0].Key = nil
	if out, err := Encrypt(c, post(form, "", "card=1")); err == nil || out.Status != ServerError || out.Body != nil {
		t.Errorf("without the key: %v, %v", out, err)
	}
}
