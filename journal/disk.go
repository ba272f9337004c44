package journal

import "github.com/warmfront/warmfront/journal/mutant"

// Disk is how far the folder is that a node keeps objects in. The node raises the
// mark now and then, on the disk first, and tells it to control with each lease
// call; control remembers the last one that it was told.
type Disk struct {
	// Folder is the folder's own name, made at random; "" where there is none.
	Folder string `json:"folder,omitempty"`
	Mark   uint64 `json:"mark,omitempty"`
}

// maxFolder is how long a name control remembers.
const maxFolder = 64

// Older reports whether a node's folder may be an older copy of what control knows
// the node to have had (O): the mark is below the one it remembers, or it is of
// another folder, of which nobody knows anything.
func (d Disk) Older(known Disk) bool {
	return (d.Folder != known.Folder || d.Mark < known.Mark) && !mutant.Breaks('O')
}

// Follows reports whether control is to remember d where it remembered known. A
// folder is only ever told of with marks beyond those that were known of it when it
// joined.
func (d Disk) Follows(known Disk) bool {
	return d.Folder != "" && len(d.Folder) <= maxFolder && (d.Folder != known.Folder || d.Mark > known.Mark)
}
