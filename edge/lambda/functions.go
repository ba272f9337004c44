package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Mapping says which program a version of a function is: by its ARN, "http://…" or
// "exec:PATH".
type Mapping map[string]string

var arnForm = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+:\d+$`)

// ParseMapping reads "ARN=http://…" or "ARN=exec:PATH", as --lambda and each line of
// --lambda-file have it. Its error says what is wrong with it.
func ParseMapping(s string) (arn, program string, err error) {
	arn, program, found := strings.Cut(strings.TrimSpace(s), "=")
	if !found || !arnForm.MatchString(arn) {
		return "", "", fmt.Errorf("%.200q is not ARN=PROGRAM with the ARN of a version of a function, such as arn:aws:lambda:us-east-1:123456789012:function:NAME:1", s)
	}
	path, command := strings.CutPrefix(program, "exec:")
	u, err := url.Parse(program)
	switch {
	case command && path != "":
	case !command && err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return "", "", fmt.Errorf("%.200q is neither http://HOST:PORT/PATH nor exec:PATH", program)
	}
	return arn, program, nil
}

// ReadMapping reads mappings, and those of files: one a line, empty lines and those that
// begin with "#" passed over; commands in them are relative to the file.
func ReadMapping(given, files []string) (Mapping, error) {
	all := Mapping{}
	for _, s := range given {
		arn, program, err := ParseMapping(s)
		if err != nil {
			return nil, fmt.Errorf("--lambda: %w", err)
		}
		all[arn] = program
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--lambda-file: %w", err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			arn, program, err := ParseMapping(line)
			if err != nil {
				return nil, fmt.Errorf("--lambda-file: %s, line %d: %w", name, i+1, err)
			}
			if path, command := strings.CutPrefix(program, "exec:"); command && !filepath.IsAbs(path) {
				program = "exec:" + filepath.Join(filepath.Dir(name), path)
			}
			all[arn] = program
		}
	}
	for arn, program := range all { // they run in their own folders
		path, command := strings.CutPrefix(program, "exec:")
		if !command {
			continue
		}
		whole, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("--lambda: %w", err)
		}
		all[arn] = "exec:" + whole
	}
	return all, nil
}

// Has reports whether a function is mapped.
func (m Mapping) Has(arn string) bool { return m[arn] != "" }

// invoker runs one version of one function.
type invoker interface {
	// invoke hands over an event and returns what the function said within a time, which
	// starts when the function has been started. Its error is a *Fault.
	invoke(ctx context.Context, event []byte, within time.Duration) ([]byte, error)
	close()
}

// Functions runs those that are mapped. It is safe for concurrent use.
type Functions struct {
	invokers map[string]invoker
	log      *slog.Logger
}

// New makes one; processes are started as they are needed, up to most of one function at
// a time.
func New(m Mapping, most int, log *slog.Logger) *Functions {
	f := &Functions{invokers: map[string]invoker{}, log: log}
	for arn, program := range maps.All(m) {
		if path, command := strings.CutPrefix(program, "exec:"); command {
			f.invokers[arn] = newPool(arn, path, most, log.With("function", arn))
		} else {
			f.invokers[arn] = newEndpoint(program)
		}
	}
	return f
}

// Has reports whether a function is mapped.
func (f *Functions) Has(arn string) bool { return f.invokers[arn] != nil }

// Close ends the processes.
func (f *Functions) Close() {
	for _, i := range f.invokers {
		i.close()
	}
}

// Run has a function do what it does at an event.
func (f *Functions) Run(ctx context.Context, arn string, in *Input) Outcome {
	out := f.run(ctx, arn, in)
	if out.Fault != nil {
		f.log.Warn("a function failed", "function", arn, "event", in.Event, "request", in.RequestID, "result", out.Fault.Result, "why", out.Fault.Why)
	}
	return out
}

func (f *Functions) run(ctx context.Context, arn string, in *Input) Outcome {
	i := f.invokers[arn]
	if i == nil {
		return Outcome{Fault: &Fault{503, ExecutionError, "no program is mapped to the function: say which with --lambda"}}
	}
	given := *in
	r := *in.Request
	r.Header, given.Request = shown(r.Header), &r
	if in.Response != nil {
		resp := *in.Response
		resp.Header, given.Response = shown(resp.Header), &resp
	}
	event, err := given.JSON()
	if err != nil {
		return Outcome{Fault: &Fault{503, ExecutionError, err.Error()}}
	}
	// A viewer that leaves ends no process: it could end them all.
	said, err := i.invoke(context.WithoutCancel(ctx), event, in.Event.Timeout())
	var fault *Fault
	switch {
	case errors.As(err, &fault):
		return Outcome{Fault: fault}
	case err != nil:
		return Outcome{Fault: &Fault{503, ExecutionError, err.Error()}}
	}
	return in.take(said)
}

// timedOut is the fault of a function that took too long.
func timedOut() *Fault { return &Fault{503, ExecutionError, "the function took too long"} }
