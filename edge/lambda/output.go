package lambda

import (
	"bufio"
	"os"
	"time"
)

// What of a process's output is kept: lines as long as that, and so many in a second.
const (
	maxLine        = 8 << 10
	linesPerSecond = 100
)

// logOutput logs what the process writes, until nobody writes any more. All of it is read,
// so that the process does not wait; what is too much is counted.
func (q *process) logOutput(output *os.File) {
	defer func() { _ = output.Close() }() // nothing more is wanted from it
	lines := bufio.NewReaderSize(output, maxLine)
	m := meter{most: linesPerSecond}
	for {
		read, long, err := lines.ReadLine()
		line := string(read) // what is read next is read over it
		for rest := long; rest && err == nil; {
			_, rest, err = lines.ReadLine() // the end of a long line
		}
		taken, left := m.take(time.Now())
		if left > 0 {
			q.log.Warn("a function's process writes too much", "pid", q.cmd.Process.Pid, "lines_left_out", left)
		}
		if err != nil && len(line) == 0 {
			break
		}
		if taken {
			q.log.Info("a function's process wrote", "pid", q.cmd.Process.Pid, "line", line, "cut", long)
		}
	}
	if m.left > 0 {
		q.log.Warn("a function's process wrote too much", "pid", q.cmd.Process.Pid, "lines_left_out", m.left)
	}
}

// meter lets so many through in each second.
type meter struct {
	most        int
	since       time.Time
	taken, left int
}

// take reports whether one may pass at a time, and, with the first of a second, how many
// might not in the one before.
func (m *meter) take(now time.Time) (bool, int) {
	before := 0
	if now.Sub(m.since) >= time.Second {
		before = m.left
		m.since, m.taken, m.left = now, 0, 0
	}
	if m.taken >= m.most {
		m.left++
		return false, before
	}
	m.taken++
	return true, before
}
