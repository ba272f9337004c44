// Package template reads CloudFormation templates, as far as a distribution and what
// it needs go: JSON and YAML with its short tags, parameters, mappings, conditions and
// the intrinsic functions Ref, GetAtt, Sub, Join, Select, Split, If and FindInMap. It
// does no I/O.
//
// Parse reads the text. Order lists resources so that each comes after those it refers
// to. Properties evaluates what one resource says, given what was made of those before
// it, and Decode sets a shape of the AWS SDK's from that: CloudFormation's names differ
// from the API's in a few places, and its lists have no Quantity.
package template
