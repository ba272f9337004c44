package accesslog

import (
	"net/netip"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func TestRawRecordsComeBack(t *testing.T) {
	first := example()
	first.Behavior, first.Accept, first.AcceptEncoding, first.Cookie, first.ContentLength = "/images/*", "*/*", "gzip", "a=b", -1
	first.Encryption, first.EncryptedFields = "Processed", 2
	first.Primary, first.PrimaryDomain, first.Origin, first.Failover = "E9", "d9.cloudfront.net", "second.example.com", "503"
	first.OriginFirst, first.OriginLast = 251*time.Millisecond, 254*time.Millisecond
	first.Request = &message.Request{Header: message.Header{{Name: "Accept", Value: "*/*"}, {Name: "X-A", Value: ""}}}
	second := &Record{Ended: time.Unix(0, 5), Viewer: netip.MustParseAddrPort("[2001:db8::1]:65535"), Took: -1}
	var b []byte
	b = first.AppendRaw(b, Selection{Cookies: true, Headers: true})
	b = first.AppendRaw(b, Selection{})
	b = second.AppendRaw(b, Selection{Cookies: true, Headers: true})
	w := Raw{Text: string(b)}
	var got Record
	for i, want := range []*Record{first, first, second} {
		if err := w.Next(&got); err != nil {
			t.Fatal(err)
		}
		if line := string(got.Append(nil, i != 1)); line != string(want.Append(nil, i != 1)) {
			t.Errorf("%d: got  %q\nwant %q", i, line, want.Append(nil, i != 1))
		}
		if got.Behavior != want.Behavior || got.Accept != want.Accept || got.AcceptEncoding != want.AcceptEncoding || !got.Ended.Equal(want.Ended) || got.Took != want.Took ||
			got.Primary != want.Primary || got.PrimaryDomain != want.PrimaryDomain || got.Origin != want.Origin || got.Failover != want.Failover ||
			got.OriginFirst != want.OriginFirst || got.OriginLast != want.OriginLast {
			t.Errorf("%d: %+v", i, got)
		}
		if headers := map[int]string{0: "Accept:*/*\nX-A:\n"}[i]; got.Headers != headers {
			t.Errorf("%d: headers %q", i, got.Headers)
		}
		if i == 1 && got.Cookie != "" {
			t.Errorf("cookies are kept that nobody wants: %q", got.Cookie)
		}
	}
	if w.Text != "" {
		t.Errorf("%q is left", w.Text)
	}
	if err := w.Next(&got); err == nil {
		t.Error("a record is read where there is none")
	}
}

// What an earlier release left in the spool ends before the strings that came later.
func TestRawRecordsOfAnEarlierReleaseAreRead(t *testing.T) {
	r := example()
	b := r.AppendRaw(nil, Selection{})
	w := Raw{Text: string(b[:len(b)-len(r.later())-2])} // all of them empty, and two times
	got := Record{Origin: "of the record before", OriginLast: 1}
	if err := w.Next(&got); err != nil || string(got.Append(nil, false)) != exampleLine || got.Origin != "" || got.OriginLast != 0 {
		t.Errorf("%v %+v", err, got)
	}
}

// Whatever a disk gives back, reading it ends.
func FuzzRaw(f *testing.F) {
	f.Add(example().AppendRaw(nil, Selection{}))
	f.Add([]byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := Raw{Text: string(b)}
		var r Record
		for range len(b) + 1 {
			if w.Next(&r) != nil {
				return
			}
			_ = r.Append(nil, true)
		}
		t.Error("there are more records than bytes")
	})
}

func TestRawAllocatesNothing(t *testing.T) {
	r, b := example(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(1000, func() { b = r.AppendRaw(b[:0], Selection{Cookies: true, Headers: true}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendRaw(b *testing.B) {
	r, raw := example(), make([]byte, 0, usualLine)
	b.ReportAllocs()
	for b.Loop() {
		raw = r.AppendRaw(raw[:0], Selection{})
	}
}
