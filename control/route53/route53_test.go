package route53

import (
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/journaltest"
)

type rig struct {
	t *testing.T
	j *journaltest.Journal
	h http.Handler
}

func newRig(t *testing.T) *rig {
	j := journaltest.New()
	_, err := j.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		router, err := cdn.NewChange(cdn.KindNodeRegister, cdn.Node{ID: "router-1", Role: cdn.RoleRouter}, time.Now())
		if err != nil {
			return nil, err
		}
		d, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{ID: "E1", Domain: "dsite.warmfront.test", Config: `<DistributionConfig><Origins><Items><Origin><Id>o</Id><DomainName>o.example</DomainName></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`}, time.Now())
		return []cdn.Change{router, d}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, j, Handler(Config{
		Gate:    admission.Gate{Hosts: admission.LocalNames("warmfront.test"), Authenticate: func(*http.Request, []byte) error { return nil }, MaxBody: 1 << 20},
		Journal: j, Zone: "warmfront.test", Now: time.Now, RequestID: func() string { return "id" }, Logger: slog.New(slog.DiscardHandler),
	})}
}

// send makes a call and holds its answer to a status and to what it must say.
func (r *rig) send(method, path, body string, status int, holds ...string) string {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, httptest.NewRequest(method, "http://127.0.0.1/2013-04-01/"+path, strings.NewReader(body)))
	ok := w.Code == status
	for _, h := range holds {
		ok = ok && strings.Contains(w.Body.String(), h)
	}
	if !ok {
		r.t.Errorf("%s %s %s: %d %s, want %d and %q", method, path, body, w.Code, w.Body, status, holds)
	}
	return w.Body.String()
}

func (r *rig) zone(name, reference string) string {
	r.t.Helper()
	var out struct {
		HostedZone struct {
			ID string `xml:"Id"`
		}
	}
	text := r.send("POST", "hostedzone", "<CreateHostedZoneRequest><Name>"+name+"</Name><CallerReference>"+reference+"</CallerReference></CreateHostedZoneRequest>", 201, "<NameServer>ns1.warmfront.test</NameServer>")
	if err := xml.Unmarshal([]byte(text), &out); err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimPrefix(out.HostedZone.ID, "/hostedzone/")
}

func change(action, set string) string {
	return "<Change><Action>" + action + "</Action><ResourceRecordSet>" + set + "</ResourceRecordSet></Change>"
}

func batch(changes ...string) string {
	return `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>` + strings.Join(changes, "") + "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
}

func plain(name, rrtype string, values ...string) string {
	set := "<Name>" + name + "</Name><Type>" + rrtype + "</Type><TTL>60</TTL><ResourceRecords>"
	for _, v := range values {
		set += "<ResourceRecord><Value>" + v + "</Value></ResourceRecord>"
	}
	return set + "</ResourceRecords>"
}

func aliased(name, rrtype, zone, target string) string {
	return "<Name>" + name + "</Name><Type>" + rrtype + "</Type><AliasTarget><HostedZoneId>" + zone + "</HostedZoneId><DNSName>" + target + "</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
}

func TestLifeOfAZone(t *testing.T) {
	r := newRig(t)
	id := r.zone("Example.com", "one")
	r.send("POST", "hostedzone", "<R><Name>other.example</Name><CallerReference>one</CallerReference></R>", 409, "HostedZoneAlreadyExists")
	r.send("POST", "hostedzone", "<R><Name>example.com.</Name><CallerReference>two</CallerReference></R>", 400, "ConflictingDomainExists")
	for _, name := range []string{"com", "a b.example", "*.example.com", "", "warmfront.test", "x.warmfront.test", "test"} {
		r.send("POST", "hostedzone", "<R><Name>"+name+"</Name><CallerReference>x</CallerReference></R>", 400, "InvalidDomainName")
	}
	r.send("POST", "hostedzone", "<R><Name>p.example</Name><CallerReference>x</CallerReference><VPC><VPCId>v</VPCId></VPC></R>", 400, "InvalidInput")
	r.send("POST", "hostedzone", "<R>", 400, "InvalidInput")
	r.send("GET", "hostedzone/"+id, "", 200, "<Name>example.com.</Name>", "<ResourceRecordSetCount>2<", "<CallerReference>one<")
	r.send("GET", "hostedzone/Z0", "", 404, "NoSuchHostedZone")
	r.send("GET", "hostedzone/"+id+"/dnssec", "", 200, "NOT_SIGNING")
	r.send("POST", "tags/hostedzone/"+id, "<R><AddTags><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>c</Key><Value>d</Value></Tag></AddTags><RemoveTagKeys><Key>c</Key></RemoveTagKeys></R>", 200)
	r.send("GET", "tags/hostedzone/"+id, "", 200, "<Tag><Key>a</Key><Value>b</Value></Tag></Tags>", "<ResourceId>"+id)
	r.send("GET", "tags/healthcheck/"+id, "", 400, "InvalidInput")
	other := r.zone("a.example.com", "two")
	r.send("GET", "hostedzonesbyname?dnsname=example.com&maxitems=1", "", 200, "<Name>example.com.</Name>", "<IsTruncated>true<", "<NextDNSName>a.example.com.<")
	r.send("GET", "hostedzone?maxitems=1", "", 200, "<IsTruncated>true<", "<NextMarker>Z")
	r.send("GET", "hostedzone?maxitems=x", "", 400, "InvalidInput")
	r.send("GET", "hostedzonecount", "", 200, "<HostedZoneCount>2<")
	r.send("POST", "hostedzone/"+id+"/rrset/", batch(change("CREATE", plain("www.example.com", "A", "192.0.2.1"))), 200, "<Status>PENDING<")
	r.send("DELETE", "hostedzone/"+id, "", 400, "HostedZoneNotEmpty")
	r.send("POST", "hostedzone/"+id+"/rrset/", batch(change("DELETE", plain("www.example.com", "A", "192.0.2.1"))), 200)
	r.send("DELETE", "hostedzone/"+id, "", 200, "<ChangeInfo>")
	r.send("DELETE", "hostedzone/"+id, "", 404, "NoSuchHostedZone")
	r.send("GET", "hostedzone/"+other, "", 200)
	r.send("GET", "trafficpolicies", "", 501, "UnsupportedOperation")
}

// A change is in sync once the journal says that its version has settled, and not
// before.
func TestChangesSettle(t *testing.T) {
	r := newRig(t)
	id := r.zone("example.com", "one")
	text := r.send("POST", "hostedzone/"+id+"/rrset", batch(change("UPSERT", plain("a.example.com", "TXT", `"x"`))), 200, "<Status>PENDING<")
	_, rest, _ := strings.Cut(text, "<Id>/change/")
	change, _, _ := strings.Cut(rest, "<")
	r.send("GET", "change/"+change, "", 200, "<Status>PENDING<")
	r.j.Settle(r.j.State().Version)
	r.send("GET", "change/"+change, "", 200, "<Status>INSYNC<")
	for _, unknown := range []string{"C", "X", "C777", change + "A", "C" + strings.Repeat("7", 40)} {
		r.send("GET", "change/"+unknown, "", 404, "NoSuchChange")
	}
}

func TestRecords(t *testing.T) {
	r := newRig(t)
	id := r.zone("example.com", "one")
	path := "hostedzone/" + id + "/rrset"
	r.send("POST", path, batch(
		change("CREATE", aliased("example.com", "A", "Z2FDTNDATAQYW2", "dSite.warmfront.test.")),
		change("CREATE", aliased("*.example.com", "A", "Z2FDTNDATAQYW2", "dsite.warmfront.test")),
		change("UPSERT", plain("b.example.com", "CNAME", "www.example.net")),
		change("UPSERT", plain("a.b.example.com", "AAAA", "2001:DB8:0::1")),
		change("UPSERT", plain("b.a.example.com", "TXT", `"one" "two"`, `"a \"b\" \\"`)),
	), 200)
	for name, test := range map[string]struct{ changes, code, says string }{
		"twice":                    {change("CREATE", plain("b.example.com", "CNAME", "x.example")), "InvalidChangeBatch", "but it already exists"},
		"what is not there":        {change("DELETE", plain("c.example.com", "A", "192.0.2.1")), "InvalidChangeBatch", "was not found"},
		"another value":            {change("DELETE", plain("b.example.com", "CNAME", "x.example")), "InvalidChangeBatch", "do not match"},
		"outside":                  {change("UPSERT", plain("example.net", "A", "192.0.2.1")), "InvalidChangeBatch", "not permitted in zone"},
		"a CNAME at the apex":      {change("UPSERT", plain("example.com", "CNAME", "x.example")), "InvalidChangeBatch", "apex"},
		"beside a CNAME":           {change("UPSERT", plain("b.example.com", "A", "192.0.2.1")), "InvalidChangeBatch", "conflicts"},
		"two CNAMEs":               {change("UPSERT", plain("z.example.com", "CNAME", "x.example", "y.example")), "InvalidChangeBatch", "one value"},
		"a value twice":            {change("UPSERT", plain("z.example.com", "A", "192.0.2.1", "192.0.2.1")), "InvalidChangeBatch", "Duplicate"},
		"no address":               {change("UPSERT", plain("z.example.com", "A", "2001:db8::1")), "InvalidChangeBatch", "no value"},
		"no text":                  {change("UPSERT", plain("z.example.com", "TXT", "bare")), "InvalidChangeBatch", "no value"},
		"a text of two lines":      {change("UPSERT", plain("z.example.com", "TXT", "\"a&#10;b\"")), "InvalidChangeBatch", "no value"},
		"a type that is none here": {change("UPSERT", plain("z.example.com", "MX", "10 mx.example")), "InvalidChangeBatch", "not served here"},
		"an alias to a bucket":     {change("UPSERT", aliased("z.example.com", "A", "Z3AQBSTGFYJSTF", "s3-website-us-east-1.amazonaws.com")), "InvalidChangeBatch", "Aliases lead to distributions"},
		"an alias to nothing":      {change("UPSERT", aliased("z.example.com", "A", "Z2FDTNDATAQYW2", "dnone.warmfront.test")), "InvalidChangeBatch", "does not lie within the target zone"},
		"a weight":                 {change("UPSERT", "<Name>z.example.com</Name><Type>A</Type><SetIdentifier>x</SetIdentifier><Weight>1</Weight><TTL>1</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>"), "InvalidChangeBatch", "Routing policies"},
		"no values":                {change("UPSERT", plain("z.example.com", "A")), "InvalidInput", "1 to 400 values"},
		"another action":           {change("MOVE", plain("z.example.com", "A", "192.0.2.1")), "InvalidInput", "MOVE"},
		"nothing":                  {"", "InvalidInput", "1 to 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{t, r.j, r.h}
			before := r.j.State()
			// What is good beside it is not made either.
			good := ""
			if test.changes != "" {
				good = change("UPSERT", plain("good.example.com", "A", "192.0.2.1"))
			}
			r.send("POST", path, batch(good, test.changes), 400, "<Code>"+test.code+"</Code>", test.says)
			if r.j.State() != before {
				t.Error("the journal has changed")
			}
		})
	}
	all := r.send("GET", path, "", 200, `<Name>\052.example.com.</Name>`, "<DNSName>dsite.warmfront.test.</DNSName>", "<Value>2001:db8::1</Value>", "<Value>ns1.warmfront.test.</Value>")
	last := 0
	for _, want := range []string{"<Name>example.com.</Name><Type>A<", "<Name>example.com.</Name><Type>NS<", "<Name>example.com.</Name><Type>SOA<", `<Name>\052.example`, "<Name>b.a.example", "<Name>b.example", "<Name>a.b.example"} {
		at := strings.Index(all, want)
		if at < last {
			t.Errorf("%s is out of order in %s", want, all)
		}
		last = at
	}
	r.send("GET", path+"?maxitems=2", "", 200, "<IsTruncated>true<", "<NextRecordName>example.com.<", "<NextRecordType>SOA<")
	r.send("GET", path+"?name=b.example.com&type=CNAME&maxitems=1", "", 200, "<ResourceRecordSets><ResourceRecordSet><Name>b.example.com.<")
}

func FuzzText(f *testing.F) {
	f.Add(`"a"`)
	f.Add(`"a\"" "b"`)
	f.Fuzz(func(t *testing.T, v string) {
		if isText(v) && (strings.ContainsAny(v, "\r\n") || !strings.HasSuffix(strings.TrimRight(v, " "), `"`)) {
			t.Errorf("%q", v)
		}
	})
}
