package disk

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"
)

func benchmarkStore(b *testing.B, change ...func(*Config)) *Store {
	return open(b, b.TempDir(), append(change, func(c *Config) { c.Limit = 100 << 30 })...)
}

// BenchmarkPut stores bodies packed, and above 64 KiB also in files of their own, which says where the one becomes
// better than the other.
func BenchmarkPut(b *testing.B) {
	head := make([]byte, 500)
	for _, size := range []int{1 << 10, 16 << 10, 64 << 10, 128 << 10, 256 << 10} {
		body := pattern(size, 1)
		b.Run(fmt.Sprint("packed/", size>>10, "KiB"), func(b *testing.B) {
			s := benchmarkStore(b)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				if err := s.Put(fmt.Sprint("key", i%(1<<30/size)), "", head, version(1), body); err != nil {
					b.Fatal(err)
				}
				s.tidy(b)
			}
		})
	}
	for _, size := range []int{64 << 10, 128 << 10, 256 << 10, 1 << 20, 10 << 20} {
		body := pattern(size, 1)
		b.Run(fmt.Sprint("file/", size>>10, "KiB"), func(b *testing.B) {
			s := benchmarkStore(b)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				create(b, s, fmt.Sprint("key", i%(1<<30/size)), "", string(head), 1, body).Close()
			}
		})
	}
}

// tidy drops segments in which nothing lives, so that a long benchmark does not fill the disk.
func (s *Store) tidy(b *testing.B) {
	if s.bytes() > 8<<30 {
		b.StopTimer()
		for _, g := range s.segments.sealed() {
			s.clean(g)
		}
		b.StartTimer()
	}
}

func BenchmarkFind(b *testing.B) {
	s := benchmarkStore(b)
	const keys = 100_000
	head, body := make([]byte, 500), pattern(4<<10, 1)
	names := make([]string, keys)
	for i := range keys {
		names[i] = fmt.Sprint("https://www.example.com/a/path/of/usual/length/", i)
		put(b, s, names[i], "", string(head), 1, body)
	}
	buf := make([]byte, len(body))
	for name, read := range map[string]bool{"head": false, "body": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.Find(names[rand.IntN(keys)], all)
				if err != nil || r == nil {
					b.Fatal(r, err)
				}
				if read {
					if _, err := r.ReadAt(buf, 0); err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
			}
		})
	}
}

func BenchmarkSection(b *testing.B) {
	s := benchmarkStore(b)
	data := pattern(10<<20, 1)
	create(b, s, "k", "", "head", 1, data).Close()
	r, _ := s.Find("k", all)
	defer r.Close()
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, n, err := r.Section(0, 10<<20); err != nil || n != 10<<20 {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, _ := s.Find("k", all)
			if _, _, n, err := r.Section(0, 10<<20); err != nil || n != 10<<20 {
				b.Fatal(n, err)
			}
			r.Close()
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(10 << 20)
		buffer := make([]byte, blockSize)
		for b.Loop() {
			for i := 0; i < blocks(r.Size()); i += blocksPerSlice {
				if err := r.file.verify(i, i+blocksPerSlice-1, true, buffer); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("ReadAt", func(b *testing.B) {
		b.SetBytes(10 << 20)
		for b.Loop() {
			if _, err := r.ReadAt(data, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpen opens a folder of a million records: from a checkpoint, from one that 50,000 records came after, and
// without one. WARMFRONT_DISK_RECORDS is another number of records.
func BenchmarkOpen(b *testing.B) {
	records := 1_000_000
	if n := os.Getenv("WARMFRONT_DISK_RECORDS"); n != "" {
		if _, err := fmt.Sscan(n, &records); err != nil {
			b.Fatal(err)
		}
	}
	s := benchmarkStore(b)
	dir := s.cfg.Dir
	fill := func(s *Store, from, n int) {
		body := pattern(1<<10, 1)
		for i := range n {
			put(b, s, fmt.Sprint("https://www.example.com/a/path/of/usual/length/", from+i), "", "head", 1, body)
		}
	}
	start := time.Now()
	fill(s, 0, records)
	b.Logf("stored %d records in %v", records, time.Since(start).Round(time.Millisecond))
	start = time.Now()
	if err := s.checkpoint(); err != nil {
		b.Fatal(err)
	}
	b.Logf("checkpoint of %d KiB in %v", s.checkpointSize.Load()/2>>10, time.Since(start).Round(time.Millisecond))
	_ = s.lock.Close()
	s.closed.Store(true)
	for _, c := range []struct {
		name string
		prepare,
		want int
	}{{"checkpoint", 0, records}, {"tail", records / 20, records + records/20}, {"scan", -1, records + records/20}} {
		b.Run(c.name, func(b *testing.B) {
			if c.prepare > 0 {
				s := open(b, dir, func(c *Config) { c.Limit = 100 << 30 })
				fill(s, records, c.prepare)
				_ = s.lock.Close()
				s.closed.Store(true)
			} else if c.prepare < 0 {
				_ = os.Remove(s.checkpointPath())
			}
			for b.Loop() {
				before := heap()
				s := open(b, dir, func(c *Config) { c.Limit = 100 << 30 })
				if n := int(s.Stats().Records); n != c.want {
					b.Fatalf("%d records, want %d", n, c.want)
				}
				b.StopTimer()
				b.ReportMetric(float64(heap()-before)/float64(c.want), "B/record")
				_ = s.lock.Close()
				s.closed.Store(true)
				b.StartTimer()
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
