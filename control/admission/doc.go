// Package admission decides whose requests control's HTTP interfaces take.
//
// A request first passes [Names]: it was sent to a name that is control's here,
// and no page of another origin sent it. Whoever reads its body then lets
// [Authenticate] say whether it is authentic: by [Signature], or by another proof
// that stands in its place.
package admission
