package logs

// StandardFields are the 33 of standard logs, in their order (developer guide, "Standard
// logging reference"): what a delivery has where none are chosen.
func StandardFields() []string {
	return []string{
		"date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "cs(Referer)", "cs(User-Agent)",
		"cs-uri-query", "cs(Cookie)", "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes", "time-taken",
		"x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version", "fle-status", "fle-encrypted-fields",
		"c-port", "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end",
	}
}

// FurtherFields are those that a delivery may have besides (belief 582).
func FurtherFields() []string {
	return []string{
		"timestamp", "timestamp(ms)", "DistributionId", "distributionid", "c-country", "asn", "cache-behavior-path-pattern", "origin-fbl", "origin-lbl",
		"distribution-tenant-id", "connection-id", "viewer-request-log-data", "viewer-response-log-data",
	}
}

// RealtimeFields are those that real-time logs may have, in the order that lines have
// them in whatever order they are chosen (developer guide, "Use real-time logs",
// Fields; belief 580).
func RealtimeFields() []string {
	return []string{
		"timestamp", "c-ip", "s-ip", "time-to-first-byte", "sc-status", "sc-bytes", "cs-method", "cs-protocol", "cs-host", "cs-uri-stem", "cs-bytes",
		"x-edge-location", "x-edge-request-id", "x-host-header", "time-taken", "cs-protocol-version", "c-ip-version", "cs-user-agent", "cs-referer",
		"cs-cookie", "cs-uri-query", "x-edge-response-result-type", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-result-type",
		"fle-encrypted-fields", "fle-status", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end", "c-port",
		"x-edge-detailed-result-type", "c-country", "cs-accept-encoding", "cs-accept", "cache-behavior-path-pattern", "cs-headers", "cs-header-names",
		"cs-headers-count", "primary-distribution-id", "primary-distribution-dns-name", "origin-fbl", "origin-lbl", "asn",
		"cmcd-encoded-bitrate", "cmcd-buffer-length", "cmcd-buffer-starvation", "cmcd-content-id", "cmcd-object-duration", "cmcd-deadline",
		"cmcd-measured-throughput", "cmcd-next-object-request", "cmcd-next-range-request", "cmcd-object-type", "cmcd-playback-rate",
		"cmcd-requested-maximum-throughput", "cmcd-streaming-format", "cmcd-session-id", "cmcd-stream-type", "cmcd-startup", "cmcd-top-bitrate",
		"cmcd-version", "r-host", "sr-reason", "x-edge-mqcs", "distribution-tenant-id", "connection-id",
		"viewer-request-log-data", "viewer-response-log-data",
	}
}
