package lab

import (
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The kernel has one wall clock for all of a machine, in whatever namespaces, and the machine's is not this program's
// to move. So the processes run a build of the same sources in which the standard library's clock, not the product's
// code, has a variable that is added to the wall clock's seconds. It is set by writing into the process's memory, as a
// debugger would: between two readings the clock has jumped. The monotonic clock is left alone, as it is when a
// machine's clock is set.
const (
	clockSymbol   = "time.wallShift"
	clockVariable = "WARMFRONT_CHAOS_CLOCK" // seconds, for a process that starts
)

// Build builds a Go package of the current module with such a clock.
func Build(output, pkg string, flags ...string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	patched, err := withClock(string(source))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	dir, err := os.MkdirTemp("", "warmfront-chaos-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(dir, "time.go")}})
	if err != nil {
		return err
	}
	err = errors.Join(os.WriteFile(filepath.Join(dir, "time.go"), []byte(patched), 0o600),
		os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	if err != nil {
		return err
	}
	args := append([]string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", output}, flags...)
	c := exec.Command("go", append(args, pkg)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// withClock changes the source of package time.
func withClock(source string) (string, error) {
	const (
		head    = "func Now() Time {\n"
		reading = head + "\tsec, nsec, mono := runtimeNow()\n"
		start   = `// wallShift is added to the wall clock's seconds.
var wallShift = wallShiftAtStart()

func wallShiftAtStart() int64 {
	s, _ := syscall.Getenv("` + clockVariable + `")
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	n := int64(0)
	for _, c := range []byte(s) {
		n = n*10 + int64(c-'0')
	}
	if neg {
		return -n
	}
	return n
}

`
	)
	if strings.Count(source, reading) != 1 || strings.Contains(source, "\t\"syscall\"\n") {
		return "", errors.New("this version of Go reads the clock in another way than Go 1.26: withClock needs a change")
	}
	source = strings.Replace(source, reading, start+reading+"\tsec += wallShift\n", 1)
	imports := "import (\n"
	if strings.Count(source, imports) != 1 {
		return "", errors.New("its imports are not where Go 1.26 has them: withClock needs a change")
	}
	return strings.Replace(source, imports, imports+"\t\"syscall\"\n", 1), nil
}

// shiftClock writes the variable of a running process.
func shiftClock(binary string, pid int, d time.Duration) error {
	at, err := clockAddress(binary)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = memory.WriteAt(seconds(d), at)
	return errors.Join(err, memory.Close())
}

func seconds(d time.Duration) []byte {
	return binary.NativeEndian.AppendUint64(nil, uint64(int64(d/time.Second)))
}

// clockAddress finds the variable in the program's symbols. Go links programs to fixed addresses.
func clockAddress(binary string) (int64, error) {
	f, err := elf.Open(binary)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return 0, fmt.Errorf("%s has no symbols: %w", binary, err)
	}
	for _, s := range symbols {
		if s.Name == clockSymbol && f.Type == elf.ET_EXEC {
			return int64(s.Value), nil
		}
	}
	return 0, fmt.Errorf("%s has no clock that can be set: it was not built by this program", binary)
}
