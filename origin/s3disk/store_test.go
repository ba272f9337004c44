package s3disk

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{MaxObjectBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func withBucket(t testing.TB) *Store {
	s := open(t, t.TempDir())
	if err := s.CreateBucket(Bucket{Name: "demo", Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *Store, key, content string) *Info {
	t.Helper()
	info, err := s.Put("demo", key, Write{Headers: map[string]string{"Content-Type": "text/plain"}}, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func content(t testing.TB, s *Store, key string) string {
	t.Helper()
	info, f, err := s.Get("demo", key)
	if err != nil {
		t.Fatalf("%q: %v", key, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, info.Size))
	if err != nil || int64(len(b)) != info.Size || info.ETag != fmt.Sprintf("%x", md5.Sum(b)) {
		t.Fatalf("%q: %d bytes of %d, ETag %s, %v", key, len(b), info.Size, info.ETag, err)
	}
	return string(b)
}

var hostile = []string{
	"a", "A", "../x", "../../../../etc/passwd", "/", "//", "a//b", "a/", "a", "./a", "a/../b", ".", "..", "con", "nul.txt", "a\x00b", "\\..\\x",
	"a\nb", "\u00e9", "e\u0301", "\u1234/\U0001F600", "%2e%2e%2f", "tmp/object-1", "bucket.json", strings.Repeat("k", 1024), strings.Repeat("\u00e9", 512),
	"*?[a]", " lead", "trail ", "a b+c&d=e;f",
}

func TestHostileKeysSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateBucket(Bucket{Name: "demo", Region: "eu-west-1"}); err != nil {
		t.Fatal(err)
	}
	for _, k := range hostile {
		put(t, s, k, "content of "+k)
	}
	for _, k := range []string{"", strings.Repeat("k", 1025), "\xff\xfe"} {
		if _, err := s.Put("demo", k, Write{}, strings.NewReader("")); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("key of %d bytes: %v", len(k), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for _, k := range hostile {
		if got := content(t, s, k); got != "content of "+k {
			t.Errorf("%q: %q", k, got)
		}
	}
	want := slices.Compact(slices.Sorted(slices.Values(hostile)))
	l, err := s.List("demo", "", "", "", 1000)
	if err != nil || !slices.Equal(keysOf(l), want) {
		t.Errorf("listed %q, %v", keysOf(l), err)
	}
	// Nothing was written but hashes and our own names.
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name := d.Name(); err == nil && !d.IsDir() && len(name) != 64 && name != "bucket.json" && name != "lock" {
			t.Errorf("stray file %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := s.Bucket("demo"); err != nil || b.Region != "eu-west-1" {
		t.Errorf("%v, %v", b, err)
	}
}

func keysOf(l *Listing) (keys []string) {
	for _, o := range l.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// A folder as a killed process and a failing disk may leave it: Open removes
// what was half-written and serves what is whole.
func TestOpenAfterCrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateBucket(Bucket{Name: "demo"}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "good", "good")
	put(t, s, "torn", "torn")
	put(t, s, "swapped", "swapped")
	torn, swapped := s.objectPath("demo", "torn"), s.objectPath("demo", "swapped")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(dir, "tmp", "object-123"), []byte("half"), 0o600))
	must(os.MkdirAll(filepath.Join(dir, "tmp", "discard-1", "d", "objects"), 0o700))
	must(os.MkdirAll(filepath.Join(dir, "buckets", "halfmade"), 0o700))
	must(os.MkdirAll(filepath.Join(dir, "uploads", "HALF"), 0o700))
	must(os.Truncate(torn, 5))
	must(os.Rename(swapped, filepath.Join(filepath.Dir(torn), filepath.Base(swapped))))

	s = open(t, dir)
	left, err := os.ReadDir(filepath.Join(dir, "tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("tmp holds %v, %v", left, err)
	}
	if got := content(t, s, "good"); got != "good" {
		t.Errorf("good: %q", got)
	}
	for _, k := range []string{"torn", "swapped"} {
		if _, err := s.Head("demo", k); !errors.Is(err, ErrNoSuchKey) {
			t.Errorf("%s: %v", k, err)
		}
	}
	if n := len(s.Buckets()); n != 1 {
		t.Errorf("%d buckets", n)
	}
	put(t, s, "torn", "again")
	if got := content(t, s, "torn"); got != "again" {
		t.Errorf("torn: %q", got)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(dir, Options{}); err == nil {
		t.Fatal("opened twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestPutFails(t *testing.T) {
	s := withBucket(t)
	put(t, s, "k", "old")
	boom := errors.New("boom")
	stop := func(current *Info) error {
		if current == nil || current.ETag == "" {
			t.Error("condition without the current object")
		}
		return boom
	}
	tests := []struct {
		name string
		do   func() error
		want error
	}{
		{"body fails", func() error {
			_, err := s.Put("demo", "k", Write{}, io.MultiReader(strings.NewReader("new"), iotest.ErrReader(boom)))
			return err
		}, boom},
		{"condition", func() error {
			_, err := s.Put("demo", "k", Write{If: stop}, strings.NewReader("new"))
			return err
		}, boom},
		{"too large", func() error {
			_, err := s.Put("demo", "k", Write{}, io.LimitReader(zeros{}, 64<<20+1))
			return err
		}, ErrTooLarge},
		{"no bucket", func() error {
			_, err := s.Put("none", "k", Write{}, strings.NewReader("new"))
			return err
		}, ErrNoSuchBucket},
		{"delete with condition", func() error { return s.Delete("demo", "k", stop) }, boom},
	}
	for _, tt := range tests {
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := content(t, s, "k"); got != "old" {
			t.Errorf("%s: now %q", tt.name, got)
		}
	}
	left, err := os.ReadDir(s.tmp(""))
	if err != nil || len(left) != 0 {
		t.Errorf("tmp holds %v, %v", left, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReadOutlivesReplaceAndDelete(t *testing.T) {
	s := withBucket(t)
	put(t, s, "k", "old")
	info, f, err := s.Get("demo", "k")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put(t, s, "k", "new one")
	if err := s.Delete("demo", "k", nil); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.LimitReader(f, info.Size))
	if err != nil || string(b) != "old" {
		t.Fatalf("%q, %v", b, err)
	}
	if err := s.Delete("demo", "k", nil); err != nil {
		t.Fatalf("deleting nothing: %v", err)
	}
}

func TestBuckets(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, name := range []string{"", ".", "..", "a/b", "../x"} {
		if err := s.CreateBucket(Bucket{Name: name}); err == nil {
			t.Errorf("bucket %q made", name)
		}
	}
	for _, name := range []string{"demo", "another"} {
		if err := s.CreateBucket(Bucket{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateBucket(Bucket{Name: "demo"}); !errors.Is(err, ErrBucketExists) {
		t.Errorf("made again: %v", err)
	}
	if err := s.SetDocument("demo", "policy", "{}"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDocument("demo", "tagging", "x"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", "v")
	if err := s.DeleteBucket("demo"); !errors.Is(err, ErrBucketNotEmpty) {
		t.Errorf("deleted with an object: %v", err)
	}
	if err := s.DeleteBucket("another"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDocument("demo", "tagging", ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	all := s.Buckets()
	if len(all) != 1 || all[0].Name != "demo" || len(all[0].Documents) != 1 || all[0].Documents["policy"] != "{}" {
		t.Errorf("after restart: %+v", all)
	}
}

func TestRetagAndCopy(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateBucket(Bucket{Name: "demo"}); err != nil {
		t.Fatal(err)
	}
	before := put(t, s, "k", "value")
	if err := s.Retag("demo", "k", "a=b"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Copy("demo", "k", "demo", "copy", Write{Tags: "c=d"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	after, err := s.Head("demo", "k")
	if err != nil || after.Tags != "a=b" || after.ETag != before.ETag || after.Headers["Content-Type"] != "text/plain" || content(t, s, "k") != "value" {
		t.Errorf("%+v, %v", after, err)
	}
	if c, err := s.Head("demo", "copy"); err != nil || c.Tags != "c=d" || content(t, s, "copy") != "value" {
		t.Errorf("%+v, %v", c, err)
	}
}

// List is held to the definition: sort, filter, roll up, cut into pages.
func TestListAgainstDefinition(t *testing.T) {
	s := withBucket(t)
	r := rand.New(rand.NewPCG(1, 2))
	var keys []string
	for range 300 {
		k := make([]byte, 1+r.IntN(5))
		for i := range k {
			k[i] = "ab/\xbd\xff"[r.IntN(5)]
		}
		keys = append(keys, string(k))
	}
	keys = append(keys, "a\ufffd/1", "a\ufffd/2", "a\ufffe", "b\uffff/\ufffd")
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for _, k := range keys {
		s.buckets["demo"].objects.ReplaceOrInsert(&Info{Key: k})
	}
	for range 2000 {
		prefix, delimiter := randomOf(r, "", "a", "a/", "/", "b/a", "\xff", "a\ufffd"), randomOf(r, "", "/", "b", "//", "\ufffd")
		limit := 1 + r.IntN(7)
		var want []string
		for _, k := range keys {
			if !strings.HasPrefix(k, prefix) {
				continue
			}
			if c := rollUp(k, prefix, delimiter); c != "" {
				k = c
			}
			if len(want) == 0 || want[len(want)-1] != k {
				want = append(want, k)
			}
		}
		var got []string
		for after := ""; ; {
			l, err := s.List("demo", prefix, delimiter, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			page := append(keysOf(l), l.Prefixes...)
			if len(page) > limit || (l.Next != "" && len(page) != limit) {
				t.Fatalf("page of %d, limit %d", len(page), limit)
			}
			got = append(got, slices.Sorted(slices.Values(page))...)
			if after = l.Next; after == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("prefix %q delimiter %q limit %d:\n got %q\nwant %q", prefix, delimiter, limit, got, want)
		}
	}
}

func randomOf(r *rand.Rand, s ...string) string { return s[r.IntN(len(s))] }

func TestMultipart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateBucket(Bucket{Name: "demo"}); err != nil {
		t.Fatal(err)
	}
	u, err := s.CreateUpload("demo", "big", map[string]string{"Content-Type": "video/mp4"}, "a=b")
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte("x"), MinPartBytes)
	var parts []Part
	for i, body := range [][]byte{piece, []byte("ignored"), piece, []byte("end")} {
		p, err := s.PutPart("demo", "big", u.ID, i+1, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir) // an upload goes on after a restart
	p3 := parts[2]
	if parts[2], err = s.PutPart("demo", "big", u.ID, 3, bytes.NewReader(piece[1:])); err != nil {
		t.Fatal(err)
	}
	refused := []struct {
		name string
		want []Part
		err  error
	}{
		{"none", nil, ErrInvalidPart},
		{"replaced part's ETag", []Part{parts[0], p3}, ErrInvalidPart},
		{"never uploaded", []Part{{Number: 9, ETag: p3.ETag}}, ErrInvalidPart},
		{"order", []Part{parts[3], parts[0]}, ErrPartOrder},
		{"twice", []Part{parts[0], parts[0]}, ErrPartOrder},
		{"small in the middle", []Part{parts[0], parts[1], parts[3]}, ErrPartTooSmall},
	}
	for _, tt := range refused {
		if _, err := s.Complete("demo", "big", u.ID, tt.want, nil); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, id := range []string{"", "nobody"} {
		if _, err := s.Complete("demo", "big", id, parts, nil); !errors.Is(err, ErrNoSuchUpload) {
			t.Errorf("upload %q: %v", id, err)
		}
	}
	if _, err := s.PutPart("demo", "another", u.ID, 1, strings.NewReader("")); !errors.Is(err, ErrNoSuchUpload) {
		t.Errorf("part for another key: %v", err)
	}
	if parts[2], err = s.PutPart("demo", "big", u.ID, 3, bytes.NewReader(piece)); err != nil {
		t.Fatal(err)
	}
	want := []Part{parts[0], parts[2], parts[3]}
	info, err := s.Complete("demo", "big", u.ID, want, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, e := md5.Sum(piece), md5.Sum([]byte("end"))
	if etag := fmt.Sprintf("%x-3", md5.Sum(slices.Concat(p[:], p[:], e[:]))); info.ETag != etag || info.Size != 2*MinPartBytes+3 {
		t.Errorf("%+v, want ETag %s", info, etag)
	}
	if again, err := s.Complete("demo", "big", u.ID, want, nil); err != nil || again.ETag != info.ETag {
		t.Errorf("completed again: %v", err)
	}
	if left, err := s.Uploads("demo"); err != nil || len(left) != 0 {
		t.Errorf("uploads left: %v, %v", left, err)
	}
	got, f, err := s.Get("demo", "big")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, got.Size))
	if err != nil || !bytes.Equal(b, slices.Concat(piece, piece, []byte("end"))) || got.Headers["Content-Type"] != "video/mp4" || got.Tags != "a=b" {
		t.Errorf("%d bytes, %+v, %v", len(b), got, err)
	}
}

func TestAbort(t *testing.T) {
	s := withBucket(t)
	u, err := s.CreateUpload("demo", "k", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Abort("demo", "k", u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutPart("demo", "k", u.ID, 1, strings.NewReader("x")); !errors.Is(err, ErrNoSuchUpload) {
		t.Errorf("part after abort: %v", err)
	}
	if _, err := os.Stat(s.uploadPath(u.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("upload still there: %v", err)
	}
}

func TestConcurrentPutsLeaveOneWhole(t *testing.T) {
	s := withBucket(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				put(t, s, "k", strings.Repeat(strconv.Itoa(i), 1000+i))
				content(t, s, "k")
			}
		})
	}
	wg.Wait()
	if c := content(t, s, "k"); strings.Trim(c, c[:1]) != "" {
		t.Errorf("mixed: %.20s…", c)
	}
}

// TestKilled runs a writer in a process of its own, kills it with SIGKILL in
// the middle, and finds every key with one of the values that were put whole,
// never older than the last one acknowledged.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("S3DISK_TEST_WRITER"); dir != "" {
		writeForever(t, dir)
	}
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateBucket(Bucket{Name: "demo"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "S3DISK_TEST_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]int{}
		lines := bufio.NewScanner(out)
		for n := 0; n < 20+7*round && lines.Scan(); n++ {
			key, version, _ := strings.Cut(lines.Text(), " ")
			acknowledged[key], _ = strconv.Atoi(version)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if len(acknowledged) == 0 {
			t.Fatal("the writer wrote nothing")
		}
		s := open(t, dir)
		for key, version := range acknowledged {
			got, _, _ := strings.Cut(content(t, s, key), "|") // content checks the MD5 of the whole
			if n, err := strconv.Atoi(got); err != nil || n < version {
				t.Errorf("%s: version %s, %d was acknowledged", key, got, version)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func writeForever(t *testing.T, dir string) {
	s := open(t, dir)
	l, err := s.List("demo", "", "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	version := 0
	for _, o := range l.Objects {
		n, _, _ := strings.Cut(content(t, s, o.Key), "|")
		v, _ := strconv.Atoi(n)
		version = max(version, v)
	}
	for {
		version++
		key := "key" + strconv.Itoa(version%3)
		put(t, s, key, strconv.Itoa(version)+"|"+strings.Repeat("v", 100_000*(version%4)))
		fmt.Println(key, version)
	}
}

func BenchmarkPut1KiB(b *testing.B) {
	s := withBucket(b)
	body := strings.Repeat("x", 1024)
	for i := 0; b.Loop(); i++ {
		put(b, s, "key"+strconv.Itoa(i%1000), body)
	}
}
