package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// app is a command for scripts: an application to be the origin of a distribution.
//
//	app ADDRESS FILE
//
// Each line of FILE says how a path is answered, the first that fits: a prefix, a
// status and header fields, separated by tabs. What is answered says which request it
// was, counted from 1, and all that the request said:
//
//	request 3: GET /api/cart?id=7
//	> Cookie: session=x
//	the body
//
// A path that no line fits is 404. /ready is 200, and not counted.
func app() {
	if err := serveApp(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func serveApp(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: app ADDRESS FILE")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var count atomic.Int64
	return http.ListenAndServe(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ready" {
			_, _ = io.WriteString(w, "ready\n")
			return
		}
		body, err := io.ReadAll(r.Body) // whole, before a word is answered: net/http stops reading then
		if err != nil {
			return
		}
		n := count.Add(1)
		status := 404
		for _, line := range lines {
			parts := strings.Split(line, "\t")
			if len(parts) < 2 || !strings.HasPrefix(r.URL.Path, parts[0]) {
				continue
			}
			status, _ = strconv.Atoi(parts[1])
			for _, field := range parts[2:] {
				name, value, _ := strings.Cut(field, ":")
				w.Header().Add(name, strings.TrimSpace(value))
			}
			break
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "request %d: %s %s\n> Host: %s\n", n, r.Method, r.RequestURI, r.Host)
		var fields []string
		for name, values := range r.Header {
			fields = append(fields, fmt.Sprintf("> %s: %s\n", name, strings.Join(values, ", ")))
		}
		slices.Sort(fields)
		_, _ = io.WriteString(w, strings.Join(fields, ""))
		_, _ = w.Write(body)
	}))
}
