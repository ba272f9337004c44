package logs

import "github.com/warmfront/warmfront/cdn/document"

// Realtime is a real-time log configuration, as a behavior refers to it (API,
// RealtimeLogConfig).
type Realtime struct {
	// Streams are the ARNs of Kinesis data streams that lines go to.
	Streams []string
	Fields  []string
	Rate    int // how many of a hundred requests are logged, 1 to 100
}

// CompileRealtime reads a RealtimeLogConfig.
func CompileRealtime(e *document.Element) *Realtime {
	r := &Realtime{Rate: 100}
	if n, err := e.Int(100, "SamplingRate"); err == nil {
		r.Rate = int(min(max(n, 1), 100))
	}
	if fields := e.Child("Fields"); fields != nil {
		for _, f := range fields.Children {
			r.Fields = append(r.Fields, f.Text)
		}
	}
	if points := e.Child("EndPoints"); points != nil {
		for _, p := range points.Children {
			if arn := p.String("KinesisStreamConfig", "StreamARN"); arn != "" {
				r.Streams = append(r.Streams, arn)
			}
		}
	}
	return r
}
