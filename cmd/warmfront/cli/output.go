package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// Print writes v as JSON under -o json, else calls text.
func (g *Global) Print(cmd *cobra.Command, v any, text func(w *tabwriter.Writer)) error {
	if g.Output == "json" {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// Row writes the cells of one line of a table.
func Row(w *tabwriter.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = fmt.Sprint(c)
	}
	_, _ = fmt.Fprintln(w, strings.Join(texts, "\t"))
}
