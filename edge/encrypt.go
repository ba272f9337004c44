package edge

import (
	"bytes"
	"context"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/fieldencryption"
	"github.com/warmfront/warmfront/edge/message"
)

// encrypt has fields of the form that the viewer sends encrypted, and returns the answer
// to a form that is not forwarded.
func (x *exchange) encrypt(ctx context.Context) *message.Response {
	s := x.span.Child(span.Start{Name: "field-level encryption"})
	out, err := fieldencryption.Encrypt(x.Behavior.Encryption, x.Request)
	s.Set(span.String("warmfront.encryption.status", string(out.Status)), span.Int("warmfront.encryption.fields", out.Fields))
	s.EndWith(err)
	x.done.Encryption, x.done.Encrypted = out.Status, out.Fields
	switch {
	case err != nil && (ctx.Err() != nil || out.Status == ""):
		return x.gone() // the body did not come whole
	case err != nil:
		x.edge.cfg.Logger.Error("fields of a form could not be encrypted", "distribution", x.Plan.ID, "configuration", x.Behavior.Encryption.ID, "error", err)
		return x.errorPage(fault{500, "The form could not be encrypted, and was not forwarded."})
	case out.Refusal != "":
		return x.errorPage(fault{400, out.Refusal})
	case out.Status != fieldencryption.Processed:
		return nil
	}
	x.mapped = *x.Request
	x.mapped.Body, x.mapped.Length, x.mapped.Trailer = bytes.NewReader(out.Body), int64(len(out.Body)), nil
	x.Request = &x.mapped
	return nil
}
