package function

import (
	"sync"
	"sync/atomic"

	"github.com/warmfront/warmfront/edge/function/quickjs"
)

const (
	// maxPrograms is how many functions' memories are kept, some 200 kB each.
	maxPrograms = 128
	// maxIdleBytes is how much memory all instances at rest have.
	maxIdleBytes = 64 << 20
)

// programs are the functions of a process by their code, and the instances of each that are
// at rest. Whose run an instance had makes no difference: it is as it was before it.
type programs struct {
	mu    sync.Mutex
	byKey map[string]*program
	clock uint64
	bytes int // of all instances at rest
}

// program is a function's code, started once, when it is first asked for.
type program struct {
	once sync.Once
	made *quickjs.Program
	err  error
	// long is whether its last run was.
	long atomic.Bool
	idle []*quickjs.Instance
	used uint64
}

// named returns a function's program, which may be new.
func (p *programs) named(key string) *program {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	one := p.byKey[key]
	if one == nil {
		one = &program{}
		if len(p.byKey) >= maxPrograms {
			oldest := p.oldest(func(*program) bool { return true })
			p.close(p.byKey[oldest])
			delete(p.byKey, oldest)
		}
		p.byKey[key] = one
	}
	one.used = p.clock
	return one
}

// oldest finds who was not asked for for longest, of those that fit; "" if none does.
func (p *programs) oldest(fits func(*program) bool) (oldest string) {
	at := p.clock
	for key, one := range p.byKey {
		if one.used <= at && fits(one) {
			oldest, at = key, one.used
		}
	}
	return oldest
}

// take returns an instance, a new one where none is at rest.
func (p *programs) take(one *program) (*quickjs.Instance, error) {
	p.mu.Lock()
	if n := len(one.idle); n > 0 {
		i := one.idle[n-1]
		one.idle = one.idle[:n-1]
		p.bytes -= i.Bytes()
		p.mu.Unlock()
		return i, nil
	}
	p.mu.Unlock()
	return one.made.New()
}

// give puts an instance to rest. Where that is too much memory, others' are freed.
func (p *programs) give(key string, one *program, i *quickjs.Instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey[key] != one {
		i.Close()
		return
	}
	one.idle = append(one.idle, i)
	p.bytes += i.Bytes()
	for p.bytes > maxIdleBytes {
		p.freeOne(p.byKey[p.oldest(func(o *program) bool { return len(o.idle) > 0 })])
	}
}

func (p *programs) freeOne(one *program) {
	i := one.idle[0]
	one.idle = one.idle[1:]
	p.bytes -= i.Bytes()
	i.Close()
}

func (p *programs) close(one *program) {
	for len(one.idle) > 0 {
		p.freeOne(one)
	}
}

// closeAll frees all instances at rest.
func (p *programs) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, one := range p.byKey {
		p.close(one)
		delete(p.byKey, key)
	}
}
