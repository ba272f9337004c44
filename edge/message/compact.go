package message

import "strings"

// Compact returns a copy for storing: its strings lie in one piece of memory, but
// for names that nearly every answer has, of which there is one for all. Reading a
// stored header then touches few cache lines, however many are stored.
func (h Header) Compact() Header {
	size := 0
	for _, f := range h {
		size += len(f.Name) + len(f.Value)
	}
	var b strings.Builder
	b.Grow(size)
	for _, f := range h {
		if usual(f.Name) == "" {
			b.WriteString(f.Name)
		}
		b.WriteString(f.Value)
	}
	all, c := b.String(), make(Header, len(h))
	for i, f := range h {
		if c[i].Name = usual(f.Name); c[i].Name == "" {
			c[i].Name, all = all[:len(f.Name)], all[len(f.Name):]
		}
		c[i].Value, all = all[:len(f.Value)], all[len(f.Value):]
	}
	return c
}

// usual returns the name itself where it is written as usual, else "".
func usual(name string) string {
	switch name {
	case "Date":
		return "Date"
	case "ETag":
		return "ETag"
	case "Vary":
		return "Vary"
	case "Server":
		return "Server"
	case "Expires":
		return "Expires"
	case "Content-Type":
		return "Content-Type"
	case "Cache-Control":
		return "Cache-Control"
	case "Last-Modified":
		return "Last-Modified"
	case "Accept-Ranges":
		return "Accept-Ranges"
	case "Content-Encoding":
		return "Content-Encoding"
	}
	return ""
}
