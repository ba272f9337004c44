package resource

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for functions (developer guide, "Quotas on CloudFront
// Functions").
const (
	maxFunctions    = 100
	maxFunctionName = 64
	maxFunctionCode = 10 * 1024 // bytes
	maxStores       = 1         // that a function may read
)

func (s *Service) functionOperations() map[string]call.Operation {
	return map[string]call.Operation{
		"CreateFunction":   s.createFunction,
		"DescribeFunction": s.describeFunction,
		"GetFunction":      s.getFunction,
		"UpdateFunction":   s.updateFunction,
		"PublishFunction":  s.publishFunction,
		"TestFunction":     s.testFunction,
		"DeleteFunction":   s.deleteFunction,
		"ListFunctions":    s.listFunctions,
	}
}

func (s *Service) createFunction(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.CreateFunctionRequest](c)
	if err != nil {
		return nil, err
	}
	if err := checkName(in.Name, maxFunctionName); err != nil {
		return nil, err
	}
	body := &cloudfront.UpdateFunctionRequest{FunctionConfig: in.FunctionConfig, FunctionCode: in.FunctionCode}
	if err := checkFunction(body); err != nil {
		return nil, err
	}
	r := &cdn.Resource{Kind: cdn.ResourceFunction, ID: in.Name, Name: in.Name, Created: s.now()}
	if in.Tags != nil {
		if r.Tags, err = s.Tags(*in.Tags); err != nil {
			return nil, err
		}
	}
	_, err = s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		if st.Resource(r.Kind, r.ID) != nil {
			return nil, cloudfront.CodeFunctionAlreadyExists.Errorf("A function with the same name already exists in this Amazon Web Services account: %s.", r.ID)
		}
		if len(st.ResourcesOf(r.Kind)) >= maxFunctions {
			return nil, cloudfront.CodeTooManyFunctions.Errorf("You have reached the maximum number of CloudFront functions for this account, %d.", maxFunctions)
		}
		if err := s.checkStores(st, body); err != nil {
			return nil, err
		}
		return s.put(r, body)
	})
	if err != nil {
		return nil, err
	}
	summary, err := s.summary(s.Journal.State(), r, cloudfront.FunctionStageDEVELOPMENT, cdn.Version{})
	return &call.Answer{ETag: r.ETag, Location: "function/" + s.arn(r.Kind, r.ID), Body: summary}, err
}

func checkFunction(in *cloudfront.UpdateFunctionRequest) error {
	if len(in.FunctionCode) > maxFunctionCode {
		return cloudfront.CodeFunctionSizeLimitExceeded.Errorf("The function is too large: at most %d bytes are allowed.", maxFunctionCode)
	}
	if err := checkComment(&in.FunctionConfig.Comment); err != nil {
		return err
	}
	stores := in.FunctionConfig.KeyValueStoreAssociations
	switch {
	case stores == nil || len(stores.Items) == 0:
		return nil
	case len(stores.Items) > maxStores:
		return invalid("A function can be associated with at most %d key value store.", maxStores)
	case in.FunctionConfig.Runtime != cloudfront.FunctionRuntimeCloudfrontJs20:
		return invalid("The runtime %s cannot read key value stores: only %s can.", in.FunctionConfig.Runtime, cloudfront.FunctionRuntimeCloudfrontJs20)
	}
	return nil
}

// checkStores refuses key value stores that are not there.
func (s *Service) checkStores(st *cdn.State, in *cloudfront.UpdateFunctionRequest) error {
	if in.FunctionConfig.KeyValueStoreAssociations == nil {
		return nil
	}
	for _, a := range in.FunctionConfig.KeyValueStoreAssociations.Items {
		id := cdn.ARNResource(cdn.ResourceKeyValueStore, a.KeyValueStoreARN)
		if id == "" || a.KeyValueStoreARN != s.arn(cdn.ResourceKeyValueStore, id) || st.Resource(cdn.ResourceKeyValueStore, id) == nil {
			return invalid("The key value store %.100q does not exist.", a.KeyValueStoreARN)
		}
	}
	return nil
}

func function(st *cdn.State, c *call.Call) (*cdn.Resource, error) {
	if r := st.Resource(cdn.ResourceFunction, c.Get("Name")); r != nil {
		return r, nil
	}
	return nil, cloudfront.CodeNoSuchFunctionExists.Errorf("The specified function does not exist.")
}

// stage returns the stage of a function that a call asks for: DEVELOPMENT unless it
// says another.
func stage(r *cdn.Resource, c *call.Call) (*cdn.Stage, cloudfront.FunctionStage, error) {
	switch at := cloudfront.FunctionStage(c.Get("Stage")); at {
	case "", cloudfront.FunctionStageDEVELOPMENT:
		return &cdn.Stage{ETag: r.ETag, Created: r.Created, LastModified: r.LastModified, Document: r.Document}, cloudfront.FunctionStageDEVELOPMENT, nil
	case cloudfront.FunctionStageLIVE:
		if r.Live == nil {
			return nil, at, cloudfront.CodeNoSuchFunctionExists.Errorf("The specified function does not exist in the stage LIVE: it is not published.")
		}
		return r.Live, at, nil
	default:
		return nil, at, invalid("The parameter Stage must be DEVELOPMENT or LIVE, not %.100q.", at)
	}
}

// summary describes a stage of a function. A function that is published is associated
// with nothing, or on its way to the nodes, or with them (compatibility.md, 306).
func (s *Service) summary(st *cdn.State, r *cdn.Resource, at cloudfront.FunctionStage, settled cdn.Version) (*cloudfront.FunctionSummary, error) {
	text, created, changed := r.Document, r.Created, r.LastModified
	status := "UNPUBLISHED"
	if at == cloudfront.FunctionStageLIVE {
		text, created, changed = r.Live.Document, r.Live.Created, r.Live.LastModified
	}
	if r.Live != nil {
		status = "UNASSOCIATED"
	}
	for _, p := range st.Plans {
		switch {
		case !p.UsesResource(r.Ref()):
		case settled.Before(p.Version):
			status = "IN_PROGRESS"
		case status != "IN_PROGRESS":
			status = "DEPLOYED"
		}
	}
	body, err := document[cloudfront.UpdateFunctionRequest](text, r.ID)
	if err != nil {
		return nil, err
	}
	return &cloudfront.FunctionSummary{
		Name: r.ID, Status: &status, FunctionConfig: body.FunctionConfig,
		FunctionMetadata: cloudfront.FunctionMetadata{FunctionARN: s.arn(r.Kind, r.ID), Stage: at, CreatedTime: &created, LastModifiedTime: changed},
	}, nil
}

func (s *Service) describeFunction(c *call.Call) (*call.Answer, error) {
	settled, st := s.settled(), s.Journal.State()
	r, err := function(st, c)
	if err != nil {
		return nil, err
	}
	staged, at, err := stage(r, c)
	if err != nil {
		return nil, err
	}
	summary, err := s.summary(st, r, at, settled)
	return &call.Answer{ETag: staged.ETag, Body: summary}, err
}

func (s *Service) getFunction(c *call.Call) (*call.Answer, error) {
	r, err := function(s.Journal.State(), c)
	if err != nil {
		return nil, err
	}
	staged, _, err := stage(r, c)
	if err != nil {
		return nil, err
	}
	body, err := document[cloudfront.UpdateFunctionRequest](staged.Document, r.ID)
	if err != nil {
		return nil, err
	}
	return &call.Answer{ETag: staged.ETag, Body: call.Raw{ContentType: "application/octet-stream", Bytes: body.FunctionCode}}, nil
}

// onFunction changes a function whose newest version the caller has seen.
func (s *Service) onFunction(c *call.Call, change func(st *cdn.State, r *cdn.Resource) ([]cdn.Change, error)) (*cdn.Resource, error) {
	var r cdn.Resource
	version, err := s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		old, err := function(st, c)
		if err != nil {
			return nil, err
		}
		if err := call.CheckIfMatch(c.IfMatch, old.ETag); err != nil {
			return nil, err
		}
		r = *old
		return change(st, &r)
	})
	r.Version = version
	return &r, err
}

func (s *Service) updateFunction(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.UpdateFunctionRequest](c)
	if err != nil {
		return nil, err
	}
	if err := checkFunction(in); err != nil {
		return nil, err
	}
	r, err := s.onFunction(c, func(st *cdn.State, r *cdn.Resource) ([]cdn.Change, error) {
		if err := s.checkStores(st, in); err != nil {
			return nil, err
		}
		return s.put(r, in)
	})
	if err != nil {
		return nil, err
	}
	summary, err := s.summary(s.Journal.State(), r, cloudfront.FunctionStageDEVELOPMENT, cdn.Version{})
	return &call.Answer{ETag: r.ETag, Body: summary}, err
}

// publishFunction makes what is in DEVELOPMENT the stage LIVE: under the same ETag, for
// it is the same code.
func (s *Service) publishFunction(c *call.Call) (*call.Answer, error) {
	settled := s.settled()
	r, err := s.onFunction(c, func(_ *cdn.State, r *cdn.Resource) ([]cdn.Change, error) {
		now := s.now()
		live := &cdn.Stage{ETag: r.ETag, Created: now, LastModified: now, Document: r.Document}
		if r.Live != nil {
			live.Created = r.Live.Created
		}
		r.Live = live
		return s.change(cdn.KindResourcePut, r)
	})
	if err != nil {
		return nil, err
	}
	summary, err := s.summary(s.Journal.State(), r, cloudfront.FunctionStageLIVE, settled)
	return &call.Answer{Body: summary}, err
}

func (s *Service) deleteFunction(c *call.Call) (*call.Answer, error) {
	_, err := s.onFunction(c, s.remove)
	return &call.Answer{}, err
}

// listFunctions lists each stage of each function, or those that are asked for.
func (s *Service) listFunctions(c *call.Call) (*call.Answer, error) {
	settled, st := s.settled(), s.Journal.State()
	type staged struct {
		*cdn.Resource
		at cloudfront.FunctionStage
	}
	asked := cloudfront.FunctionStage(c.Get("Stage"))
	if asked != "" && asked != cloudfront.FunctionStageDEVELOPMENT && asked != cloudfront.FunctionStageLIVE {
		return nil, invalid("The parameter Stage must be DEVELOPMENT or LIVE, not %.100q.", asked)
	}
	all := map[string]staged{}
	for name, r := range st.ResourcesOf(cdn.ResourceFunction) {
		if asked != cloudfront.FunctionStageLIVE {
			all[name] = staged{r, cloudfront.FunctionStageDEVELOPMENT}
		}
		if asked != cloudfront.FunctionStageDEVELOPMENT && r.Live != nil {
			all[name+"/"+string(cloudfront.FunctionStageLIVE)] = staged{r, cloudfront.FunctionStageLIVE}
		}
	}
	p, err := call.NewPage(c.Params, call.After(all, c.Get("Marker")))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.FunctionList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items)}
	for _, f := range p.Items {
		summary, err := s.summary(st, f.Resource, f.at, settled)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, *summary)
	}
	return &call.Answer{Body: list}, nil
}
