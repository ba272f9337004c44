// Package cli is what commands share: the flags that all have, the client of a running
// network's control, and how lists and waiting are shown.
package cli
