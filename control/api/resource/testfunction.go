package resource

import (
	"strconv"
	"time"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// Functions runs functions as edges do.
type Functions interface {
	// Test calls the handler of a function with an event object, which is what a caller
	// sent. The error is none of the function's.
	Test(f *functions.Function, object []byte, values func(store string) *keyvalues.Values, now time.Time) (Tested, error)
}

// Tested is what came of a test.
type Tested struct {
	// Refused is what is wrong with the event object: then nothing ran.
	Refused string
	// Output is what the function returned, as JSON, beneath "request" or "response".
	Output string
	// Failed is why the function made nothing that a viewer could be given.
	Failed string
	Logs   []string
	// Utilization is the compute utilization, 0 to 100.
	Utilization int
}

// maxEvent is how large an event object may be (API, TestFunction).
const maxEvent = 40 << 10

// testFunction runs a function of a stage with an event object. Whoever tests says which
// version, by its ETag in that stage.
func (s *Service) testFunction(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.TestFunctionRequest](c)
	if err != nil {
		return nil, err
	}
	st := s.Journal.State()
	r, err := function(st, c)
	if err != nil {
		return nil, err
	}
	if s.Functions == nil {
		return nil, cloudfront.CodeUnsupportedOperation.Errorf("This control does not run functions, so that it cannot test them.")
	}
	at := in.Stage
	if at == "" {
		at = cloudfront.FunctionStageDEVELOPMENT
	}
	live, etag := at == cloudfront.FunctionStageLIVE, r.ETag
	switch {
	case live && r.Live == nil:
		return nil, cloudfront.CodeNoSuchFunctionExists.Errorf("The specified function does not exist in the stage LIVE: it is not published.")
	case live:
		etag = r.Live.ETag
	}
	if err := call.CheckIfMatch(c.IfMatch, etag); err != nil {
		return nil, err
	}
	if len(in.EventObject) > maxEvent {
		return nil, invalid("The parameter EventObject is larger than %d bytes.", maxEvent)
	}
	staged, err := r.StagedFunction(live)
	if err != nil {
		return nil, err
	}
	tested, err := s.Functions.Test(staged, in.EventObject, st.KeyValues, s.now())
	switch {
	case err != nil:
		return nil, cloudfront.CodeTestFunctionFailed.Errorf("The CloudFront function failed: %v.", err)
	case tested.Refused != "":
		return nil, invalid("The parameter EventObject is not valid: %s.", tested.Refused)
	}
	summary, err := s.summary(st, r, at, s.settled())
	if err != nil {
		return nil, err
	}
	utilization := strconv.Itoa(tested.Utilization)
	return &call.Answer{Body: &cloudfront.TestResult{
		FunctionSummary: summary, ComputeUtilization: &utilization, FunctionExecutionLogs: tested.Logs, FunctionErrorMessage: &tested.Failed, FunctionOutput: &tested.Output,
	}}, nil
}
