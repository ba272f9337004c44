package cloudfront

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const ns = "http://cloudfront.amazonaws.com/doc/2020-05-31/"

// minimal is the least DistributionConfig that the API model lets pass.
const minimal = `<DistributionConfig xmlns="` + ns + `">` +
	`<CallerReference>r</CallerReference>` +
	`<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>demo.s3.us-east-1.amazonaws.com</DomainName>` +
	`<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig></Origin></Items></Origins>` +
	`<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>redirect-to-https</ViewerProtocolPolicy>` +
	`<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>` +
	`<Comment></Comment><Enabled>true</Enabled></DistributionConfig>`

func TestDecodeRefuses(t *testing.T) {
	swap := func(old, new string) string {
		if !strings.Contains(minimal, old) {
			t.Fatalf("%s is not in the document", old)
		}
		return strings.Replace(minimal, old, new, 1)
	}
	insert := func(xml string) string { return swap("</DistributionConfig>", xml+"</DistributionConfig>") }
	for name, c := range map[string]struct {
		body string
		want string // code and message
	}{
		"empty":         {" \n", "MissingBody: This operation requires a body. Ensure that the body is present and the Content-Type header is set."},
		"too large":     {minimal + strings.Repeat(" ", MaxBody), "RequestEntityTooLarge: The request body is larger than 1048576 bytes."},
		"not XML":       {`{"Comment": ""}`, "MalformedInput: There is text outside the root element."},
		"cut off":       {minimal[:100], "MalformedInput: Could not parse XML in element CallerReference: XML syntax error on line 1: unexpected EOF."},
		"only comments": {"<!-- x -->", "MalformedInput: The document has no root element."},
		"two roots":     {minimal + minimal, "MalformedInput: Unexpected root element DistributionConfig; expected one DistributionConfig."},
		"other root":    {`<InvalidationBatch xmlns="` + ns + `"/>`, "MalformedInput: Unexpected root element InvalidationBatch; expected one DistributionConfig."},
		"doctype": {`<!DOCTYPE DistributionConfig [<!ENTITY a "aaaaaaaa">]>` + minimal,
			"MalformedInput: A document type declaration is not allowed."},
		"entity":                 {swap("<Comment>", "<Comment>&a;"), "MalformedInput: Could not parse XML in element Comment: XML syntax error on line 1: invalid character entity &a;."},
		"processing instruction": {`<?php x ?>` + minimal, "MalformedInput: A processing instruction is not allowed."},
		"charset":                {`<?xml version="1.0" encoding="latin-1"?>` + minimal, `MalformedInput: Could not parse XML: xml: encoding "latin-1" declared but Decoder.CharsetReader is nil.`},
		"namespace of another version": {swap("2020-05-31", "2018-11-05"),
			`MalformedInput: Element DistributionConfig is in namespace "http://cloudfront.amazonaws.com/doc/2018-11-05/", not in "` + ns + `".`},
		"namespace within": {insert(`<Aliases xmlns="urn:x"><Quantity>0</Quantity></Aliases>`),
			`MalformedInput: Element Aliases is in namespace "urn:x", not in "` + ns + `".`},
		"unknown element":  {insert("<Colour>red</Colour>"), "MalformedInput: Unexpected element Colour in DistributionConfig."},
		"case":             {insert("<aliases><Quantity>0</Quantity></aliases>"), "MalformedInput: Unexpected element aliases in DistributionConfig."},
		"other list item":  {insert("<Aliases><Quantity>1</Quantity><Items><member>a</member></Items></Aliases>"), "MalformedInput: Unexpected element member in Items of Aliases; expected CNAME."},
		"element in text":  {swap("<Comment>", "<Comment><b/>"), "MalformedInput: Unexpected element b in Comment, which holds text."},
		"text in a shape":  {insert("loose"), "MalformedInput: Unexpected text in element DistributionConfig."},
		"text in a list":   {swap("<Items>", "<Items>loose"), "MalformedInput: Unexpected text in element Items of Origins."},
		"given twice":      {insert("<Comment></Comment>"), "MalformedInput: Element Comment is given twice in DistributionConfig."},
		"list given twice": {insert("<Aliases><Quantity>0</Quantity></Aliases><Aliases><Quantity>0</Quantity></Aliases>"), "MalformedInput: Element Aliases is given twice in DistributionConfig."},
		"no number":        {swap("<Quantity>1<", "<Quantity>one<"), `MalformedInput: The value "one" of element Quantity is not valid: it is not a whole number of 32 bits.`},
		"too big a number": {swap("<Quantity>1<", "<Quantity>2147483648<"), `MalformedInput: The value "2147483648" of element Quantity is not valid: it is not a whole number of 32 bits.`},
		"no boolean":       {swap("<Enabled>true<", "<Enabled>yes<"), `MalformedInput: The value "yes" of element Enabled is not valid: it is neither true nor false.`},
		"missing": {swap("<Comment></Comment>", ""),
			"MalformedXML: 1 validation error detected: Value null at 'distributionConfig.comment' failed to satisfy constraint: Member must not be null"},
		"two missing": {strings.Replace(swap("<Comment></Comment>", ""), "<DomainName>demo.s3.us-east-1.amazonaws.com</DomainName>", "", 1),
			"MalformedXML: 2 validation errors detected: Value null at 'distributionConfig.origins.items.1.member.domainName' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'distributionConfig.comment' failed to satisfy constraint: Member must not be null"},
		"enumeration": {insert("<HttpVersion>http4</HttpVersion>"),
			"MalformedXML: 1 validation error detected: Value 'http4' at 'distributionConfig.httpVersion' failed to satisfy constraint: Member must satisfy enum value set: [http1.1, http2, http3, http2and3]"},
		"enumeration in a list": {insert("<OriginGroups><Quantity>0</Quantity></OriginGroups>" +
			"<CacheBehaviors><Quantity>1</Quantity><Items><CacheBehavior><PathPattern>*</PathPattern><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>" +
			"<AllowedMethods><Quantity>1</Quantity><Items><Method>BREW</Method></Items></AllowedMethods></CacheBehavior></Items></CacheBehaviors>"),
			"MalformedXML: 1 validation error detected: Value 'BREW' at 'distributionConfig.cacheBehaviors.items.1.member.allowedMethods.items.1.member' failed to satisfy constraint: " +
				"Member must satisfy enum value set: [GET, HEAD, POST, PUT, PATCH, OPTIONS, DELETE]"},
		"empty list of origins": {swap(minimal[strings.Index(minimal, "<Quantity>"):strings.Index(minimal, "</Origins>")], "<Quantity>0</Quantity><Items/>"),
			"MalformedXML: 1 validation error detected: Value of length 0 at 'distributionConfig.origins.items' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"quantity too high": {swap("<Quantity>1<", "<Quantity>2<"),
			"InconsistentQuantities: The specified quantity of Origins (2) does not match the actual quantity supplied (1)."},
		"quantity without items": {insert("<Aliases><Quantity>1</Quantity></Aliases>"),
			"InconsistentQuantities: The specified quantity of Aliases (1) does not match the actual quantity supplied (0)."},
		"quantity too low": {insert("<Aliases><Items><CNAME>a</CNAME></Items><Quantity>0</Quantity></Aliases>"),
			"InconsistentQuantities: The specified quantity of Aliases (0) does not match the actual quantity supplied (1)."},
		"list too long": {insert("<Aliases><Items>" + strings.Repeat("<CNAME/>", maxList+1) + "</Items><Quantity>0</Quantity></Aliases>"),
			"MalformedInput: Items of Aliases has more than 10000 items."},
		"quantity missing": {insert("<Aliases></Aliases>"),
			"MalformedXML: 1 validation error detected: Value null at 'distributionConfig.aliases.quantity' failed to satisfy constraint: Member must not be null"},
	} {
		t.Run(name, func(t *testing.T) {
			var e *Error
			err := Decode([]byte(c.body), Version, new(DistributionConfig))
			if !errors.As(err, &e) {
				t.Fatalf("it decodes with %v", err)
			}
			if e.Error() != c.want {
				t.Errorf("got\n%s\nwant\n%s", e, c.want)
			}
			if e.Status != e.Code.Status() || e.Status < 400 {
				t.Errorf("status %d", e.Status)
			}
		})
	}
}

// TestDecodeRequestPath: the paths in errors begin at the operation's input, of
// which a body that is called …Request is not a member but the whole.
func TestDecodeRequestPath(t *testing.T) {
	err := Decode([]byte(`<CreateKeyValueStoreRequest><Name></Name><Comment>`+strings.Repeat("é", 129)+`</Comment></CreateKeyValueStoreRequest>`), Version, new(CreateKeyValueStoreRequest))
	want := "MalformedXML: 2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '" +
		strings.Repeat("é", 64) + "…' at 'comment' failed to satisfy constraint: Member must have length less than or equal to 128"
	if fmt.Sprint(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestDecodeAccepts(t *testing.T) {
	var want DistributionConfig
	if err := Decode([]byte(minimal), Version, &want); err != nil {
		t.Fatal(err)
	}
	if want.DefaultCacheBehavior.ViewerProtocolPolicy != ViewerProtocolPolicyRedirectToHttps || want.Origins.Items[0].S3OriginConfig == nil || want.Aliases != nil {
		t.Errorf("decoded as %+v", want)
	}
	for name, body := range map[string]string{
		"no namespace":                    strings.Replace(minimal, ` xmlns="`+ns+`"`, "", 1),
		"a prefix":                        prefixed(minimal),
		"declaration, comments and space": "<?xml version='1.0' encoding='UTF-8'?>\n<!-- one -->" + strings.ReplaceAll(minimal, "><", "> \r\n\t<!-- two --> <") + "\n",
		"space around a number":           strings.Replace(minimal, "<Quantity>1<", "<Quantity> 1\n<", 1),
		"byte order mark":                 "\ufeff" + minimal,
		"CDATA":                           strings.Replace(minimal, "<TargetOriginId>o<", "<TargetOriginId><![CDATA[o]]><", 1),
	} {
		body = strings.NewReplacer("<Comment> \r\n\t<!-- two --> </Comment>", "<Comment></Comment>",
			"<OriginAccessIdentity> \r\n\t<!-- two --> </OriginAccessIdentity>", "<OriginAccessIdentity></OriginAccessIdentity>").Replace(body)
		var got DistributionConfig
		if err := Decode([]byte(body), Version, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	var old DistributionConfig
	if err := Decode([]byte(strings.Replace(minimal, Version, "2018-11-05", 1)), "2018-11-05", &old); err != nil || !reflect.DeepEqual(old, want) {
		t.Errorf("an older version: %v", err)
	}
}

// prefixed puts every element of a document into its namespace by a prefix.
func prefixed(doc string) string {
	doc = strings.Replace(doc, "xmlns=", "xmlns:c=", 1)
	doc = strings.ReplaceAll(doc, "</", "\x00")
	doc = strings.ReplaceAll(doc, "<", "<c:")
	return strings.ReplaceAll(doc, "\x00", "</c:")
}

// TestPresence: what is absent, empty and given stays so when a document is
// kept, which is what Marshal of what Decode read is for.
func TestPresence(t *testing.T) {
	body := strings.Replace(minimal, "<Enabled>", "<DefaultRootObject></DefaultRootObject><Aliases><Quantity>0</Quantity><Items></Items></Aliases>"+
		"<CacheBehaviors><Quantity>0</Quantity></CacheBehaviors><Logging></Logging><IsIPV6Enabled>false</IsIPV6Enabled><Enabled>", 1)
	body = strings.Replace(body, "<Comment>", "<Comment> a &lt;b&gt; &amp;\n\tc ", 1)
	var c DistributionConfig
	if err := Decode([]byte(body), Version, &c); err != nil {
		t.Fatal(err)
	}
	kept := Marshal(Version, &c)
	if got, want := parseTree(t, kept).canonical(), parseTree(t, []byte(body)).canonical(); got != want {
		t.Errorf("kept:\n%s\nreceived:\n%s", got, want)
	}
	if !bytes.Equal(kept, Marshal(Version, c)) {
		t.Error("a pointer and its value differ")
	}
}

func TestUnmarshalIsLenient(t *testing.T) {
	doc := `<Old xmlns="urn:other"><New><Deep>x</Deep></New><Id>E1</Id><Status>Odd</Status>` +
		`<DistributionConfig><PriceClass>PriceClass_300</PriceClass><Aliases><Quantity>7</Quantity></Aliases></DistributionConfig><Id2/></Old>`
	var d Distribution
	if err := Unmarshal([]byte(doc), &d); err != nil {
		t.Fatal(err)
	}
	if d.Id != "E1" || d.DistributionConfig.PriceClass != "PriceClass_300" || d.DistributionConfig.Aliases.Quantity != 7 {
		t.Errorf("read as %+v", d)
	}
	for _, bad := range []string{"", "<a", "<!DOCTYPE a><a/>", "<a>" + strings.Repeat("<b>", maxDepth) + strings.Repeat("</b>", maxDepth) + "</a>"} {
		if err := Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%.20q is accepted", bad)
		}
	}
}

func TestReadBody(t *testing.T) {
	for size, ok := range map[int]bool{0: true, MaxBody: true, MaxBody + 1: false} {
		body, err := ReadBody(bytes.NewReader(make([]byte, size)))
		var e *Error
		if ok && (err != nil || len(body) != size) || !ok && (!errors.As(err, &e) || e.Status != 413) {
			t.Errorf("%d bytes: %d, %v", size, len(body), err)
		}
	}
}

func TestErrors(t *testing.T) {
	for code, status := range map[Code]int{
		CodeNoSuchDistribution: 404, CodeDistributionNotDisabled: 409, CodePreconditionFailed: 412, CodeBatchTooLarge: 413,
		CodeAccessDenied: 403, CodeInvalidArgument: 400, CodeSignatureDoesNotMatch: 403, CodeMalformedXML: 400,
		CodeUnknownOperation: 404, CodeInternalFailure: 500, CodeServiceUnavailable: 503, CodeInvalidationBatchAlreadyExists: 409,
		"Unheard": 400,
	} {
		if got := code.Errorf("x").Status; got != status {
			t.Errorf("%s has status %d, want %d", code, got, status)
		}
	}
	got := string(CodeNoSuchDistribution.Errorf("No <%s>.", "E1").Body("2018-11-05", "id-1"))
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2018-11-05/"><Error><Type>Sender</Type><Code>NoSuchDistribution</Code>` +
		`<Message>No &lt;E1&gt;.</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if body := CodeInternalFailure.Errorf("x").Body(Version, "r"); !bytes.Contains(body, []byte("<Type>Receiver</Type>")) {
		t.Errorf("a fault of ours is %s", body)
	}
}

// FuzzDecode: no body may panic, and what is accepted survives being kept.
func FuzzDecode(f *testing.F) {
	byName := map[string]Operation{}
	for _, op := range Operations() {
		byName[op.Name] = op
	}
	for _, g := range goldenRequests(f) {
		if len(g.body) > 0 {
			f.Add(g.op, g.body)
		}
	}
	f.Add("CreateDistribution", []byte(minimal))
	f.Add("CreateDistribution", []byte(prefixed(minimal)))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		v := byName[name].NewRequest()
		if v == nil {
			return
		}
		if err := Decode(body, Version, v); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Status < 400 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		kept := Marshal(Version, v)
		w := byName[name].NewRequest()
		if err := Decode(kept, Version, w); err != nil {
			t.Fatalf("kept as %s: %v", kept, err)
		}
		if again := Marshal(Version, w); !bytes.Equal(again, kept) {
			t.Fatalf("kept as\n%s\nthen as\n%s", kept, again)
		}
	})
}

func FuzzRoute(f *testing.F) {
	for _, g := range goldenRequests(f) {
		f.Add(g.method, g.path, g.query)
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		op, p, ok := Route(method, path, query)
		if ok != (op.Name != "") || ok && (op.Method != method || !isVersion(p.Version)) {
			t.Errorf("%s %s?%s: %+v %+v %v", method, path, query, op, p, ok)
		}
	})
}
