// Package logship delivers access logs to where distributions want them: of each
// edge, gzipped files of lines into buckets (developer guide, "Standard logging").
//
// It promises that no viewer ever waits for it, that its memory and its disk have a
// bound, and that what does not fit is counted. Nothing that was taken is lost by
// [Shipper.Close], also if no bucket is within reach; a crash loses the last second
// at most. An object may be put again after a crash, under the same name.
//
// One request goes through it like this. The edge hands a record to [Shipper.Log],
// which appends its raw form to one of a few buffers and returns; nothing is
// allocated. Within half a second the writer takes the buffers, writes them to a
// segment of the spool, and has the disk keep it. When the interval is over, or the
// segment is full, the packer makes of it one gzipped file for each place that
// something of it goes to, and for each hour; those wait in the spool too, until
// the sender has put them into their buckets, which it tries again and again.
//
// Records are written once, as they came, however many places they go to; a segment
// holds what was to become of each, so that neither a restart nor a change of the
// distribution's configuration makes anything else of it.
package logship
