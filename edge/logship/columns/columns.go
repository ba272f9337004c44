// Package columns writes lines of access logs as Parquet files: the format of standard
// logging (v2) that databases read a few columns of. It is the only importer of the
// library that knows the format.
//
// Lines come one by one, as they are read from the spool, and are held until there are
// enough of them for a row group; a file is good once it is closed, and what was not is
// made anew of the spool. All columns are strings, as CloudFront's are, named like the
// fields in small letters with underscores (belief 586).
package columns

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// rowGroup is how many rows are held, some two megabytes of lines.
const rowGroup = 5000

// Writer writes one file.
type Writer struct {
	to     *parquet.GenericWriter[any]
	fields int
	rows   []parquet.Row
	text   []byte // of the rows' values
}

// NewWriter begins a file with columns for those fields, in their order.
func NewWriter(to io.Writer, fields []string) *Writer {
	all := columns{Group: parquet.Group{}}
	for _, f := range fields {
		name := Name(f)
		all.order = append(all.order, name)
		all.Group[name] = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
		if slices.Contains(unique(), f) {
			all.Group[name] = parquet.Encoded(parquet.String(), &parquet.Plain)
		}
	}
	return &Writer{fields: len(fields), to: parquet.NewGenericWriter[any](to, parquet.NewSchema("log", all),
		parquet.Compression(&parquet.Snappy), parquet.CreatedBy("warmfront", "", ""), parquet.PageBufferSize(64<<10), parquet.WriteBufferSize(32<<10))}
}

// unique are fields whose values are seldom the same twice: a dictionary of them is in
// nobody's way to be read, and only makes the file larger.
func unique() []string {
	return []string{"x-edge-request-id", "timestamp", "timestamp(ms)", "time", "c-port"}
}

// Name is the column's name of a field: "cs(User-Agent)" is cs_user_agent.
func Name(field string) string {
	return strings.NewReplacer("(", "_", ")", "", "-", "_").Replace(strings.ToLower(field))
}

// Write takes one line: the fields' values with tabs between them, and its end.
func (w *Writer) Write(line []byte) (int, error) {
	var row parquet.Row
	if n := len(w.rows); n < cap(w.rows) {
		row = w.rows[:n+1][n][:0]
	}
	if len(w.text)+len(line) > cap(w.text) { // rows keep what they have of the old one
		w.text = make([]byte, 0, max(1<<20, len(line)))
	}
	from := len(w.text)
	w.text = append(w.text, bytes.TrimSuffix(line, []byte("\n"))...)
	for value := range bytes.SplitSeq(w.text[from:], []byte("\t")) {
		row = append(row, parquet.ByteArrayValue(value).Level(0, 0, len(row)))
	}
	if len(row) != w.fields {
		return 0, fmt.Errorf("a line has %d values for %d columns", len(row), w.fields)
	}
	if w.rows = append(w.rows, row); len(w.rows) < rowGroup {
		return len(line), nil
	}
	return len(line), w.flush()
}

func (w *Writer) flush() error {
	if _, err := w.to.WriteRows(w.rows); err != nil {
		return err
	}
	w.rows, w.text = w.rows[:0], w.text[:0]
	return w.to.Flush()
}

// Close writes what is held, and what a reader begins with.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.to.Close()
}

// columns are a schema's, in the order of the fields instead of the alphabet's.
type columns struct {
	parquet.Group
	order []string
}

// Fields implements parquet.Node.
func (c columns) Fields() []parquet.Field {
	fields := c.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int { return slices.Index(c.order, a.Name()) - slices.Index(c.order, b.Name()) })
	return fields
}
