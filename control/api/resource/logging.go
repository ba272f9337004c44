package resource

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// maxRealtimeLogs is CloudFront's quota for an account.
const maxRealtimeLogs = 150

func (s *Service) realtimeLogOperations() map[string]call.Operation {
	return map[string]call.Operation{
		"CreateRealtimeLogConfig": s.createRealtimeLog,
		"GetRealtimeLogConfig":    s.getRealtimeLog,
		"UpdateRealtimeLogConfig": s.updateRealtimeLog,
		"DeleteRealtimeLogConfig": s.deleteRealtimeLog,
		"ListRealtimeLogConfigs":  s.listRealtimeLogs,
	}
}

func (s *Service) createRealtimeLog(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.CreateRealtimeLogConfigRequest](c)
	if err != nil {
		return nil, err
	}
	if err := checkName(in.Name, maxPolicyName); err != nil {
		return nil, err
	}
	log := &cloudfront.RealtimeLogConfig{
		ARN: s.arn(cdn.ResourceRealtimeLogConfig, in.Name), Name: in.Name, SamplingRate: in.SamplingRate, EndPoints: in.EndPoints, Fields: in.Fields,
	}
	if err := checkRealtimeLog(log); err != nil {
		return nil, err
	}
	r := &cdn.Resource{Kind: cdn.ResourceRealtimeLogConfig, ID: in.Name, Name: in.Name, Created: s.now()}
	_, err = s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		if st.Resource(r.Kind, r.ID) != nil {
			return nil, cloudfront.CodeRealtimeLogConfigAlreadyExists.Errorf("A real-time log configuration with the name %s already exists.", r.ID)
		}
		if len(st.ResourcesOf(r.Kind)) >= maxRealtimeLogs {
			return nil, cloudfront.CodeTooManyRealtimeLogConfigs.Errorf("You have reached the maximum number of real-time log configurations for this account, %d.", maxRealtimeLogs)
		}
		return s.put(r, log)
	})
	return &call.Answer{Location: "realtime-log-config/" + r.ID, Body: &cloudfront.CreateRealtimeLogConfigResult{RealtimeLogConfig: log}}, err
}

func checkRealtimeLog(log *cloudfront.RealtimeLogConfig) error {
	switch {
	case log.SamplingRate < 1 || log.SamplingRate > 100:
		return invalid("The parameter SamplingRate must be from 1 to 100.")
	case len(log.EndPoints) != 1:
		return invalid("The parameter EndPoints must have one endpoint, not %d.", len(log.EndPoints))
	case len(log.Fields) == 0:
		return invalid("The parameter Fields must have at least one field.")
	}
	known := logs.RealtimeFields()
	for i, f := range log.Fields {
		switch {
		case !slices.Contains(known, f):
			return invalid("The parameter Fields contains %.100q, which is no field of real-time logs.", f)
		case slices.Contains(log.Fields[:i], f):
			return invalid("The parameter Fields contains %.100q twice.", f)
		}
	}
	e := log.EndPoints[0]
	if k := e.KinesisStreamConfig; e.StreamType != "Kinesis" || k == nil || !strings.HasPrefix(k.RoleARN, "arn:") || !strings.HasPrefix(k.StreamARN, "arn:") {
		return invalid("The endpoint must have the type Kinesis, and the ARNs of a role and of a stream.")
	}
	return nil
}

// realtimeLog finds what a body names: by name, or by ARN where both are given (API,
// GetRealtimeLogConfig: "If you provide both a name and an ARN, CloudFront uses the
// name").
func (s *Service) realtimeLog(st *cdn.State, name, arn *string) (*cdn.Resource, error) {
	id := cloudfront.Or(name, "")
	if id == "" {
		given := cloudfront.Or(arn, "")
		if given == "" {
			return nil, invalid("The parameter Name or ARN is required.")
		}
		id = cdn.ARNResource(cdn.ResourceRealtimeLogConfig, given)
	}
	if r := st.Resource(cdn.ResourceRealtimeLogConfig, id); r != nil {
		return r, nil
	}
	return nil, cloudfront.CodeNoSuchRealtimeLogConfig.Errorf("The real-time log configuration does not exist.")
}

func (s *Service) getRealtimeLog(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.GetRealtimeLogConfigRequest](c)
	if err != nil {
		return nil, err
	}
	r, err := s.realtimeLog(s.Journal.State(), in.Name, in.ARN)
	if err != nil {
		return nil, err
	}
	log, err := document[cloudfront.RealtimeLogConfig](r.Document, r.ID)
	return &call.Answer{Body: &cloudfront.GetRealtimeLogConfigResult{RealtimeLogConfig: log}}, err
}

// updateRealtimeLog replaces what is given; the rest stays.
func (s *Service) updateRealtimeLog(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.UpdateRealtimeLogConfigRequest](c)
	if err != nil {
		return nil, err
	}
	var log *cloudfront.RealtimeLogConfig
	_, err = s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		old, err := s.realtimeLog(st, in.Name, in.ARN)
		if err != nil {
			return nil, err
		}
		if log, err = document[cloudfront.RealtimeLogConfig](old.Document, old.ID); err != nil {
			return nil, err
		}
		if in.EndPoints != nil {
			log.EndPoints = in.EndPoints
		}
		if in.Fields != nil {
			log.Fields = in.Fields
		}
		log.SamplingRate = cloudfront.Or(in.SamplingRate, log.SamplingRate)
		if err := checkRealtimeLog(log); err != nil {
			return nil, err
		}
		r := *old
		return s.put(&r, log)
	})
	return &call.Answer{Body: &cloudfront.UpdateRealtimeLogConfigResult{RealtimeLogConfig: log}}, err
}

func (s *Service) deleteRealtimeLog(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.DeleteRealtimeLogConfigRequest](c)
	if err != nil {
		return nil, err
	}
	_, err = s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		r, err := s.realtimeLog(st, in.Name, in.ARN)
		if err != nil {
			return nil, err
		}
		return s.remove(st, r)
	})
	return &call.Answer{}, err
}

func (s *Service) listRealtimeLogs(c *call.Call) (*call.Answer, error) {
	p, err := call.NewPage(c.Params, call.After(s.Journal.State().ResourcesOf(cdn.ResourceRealtimeLogConfig), c.Get("Marker")))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.RealtimeLogConfigs{Marker: p.Marker, NextMarker: p.Next, MaxItems: p.MaxItems, IsTruncated: p.Truncated()}
	for _, r := range p.Items {
		log, err := document[cloudfront.RealtimeLogConfig](r.Document, r.ID)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, *log)
	}
	return &call.Answer{Body: list}, nil
}

func (s *Service) monitoringOperations() map[string]call.Operation {
	return map[string]call.Operation{
		"CreateMonitoringSubscription": s.createMonitoring,
		"GetMonitoringSubscription":    s.getMonitoring,
		"DeleteMonitoringSubscription": s.deleteMonitoring,
	}
}

func (s *Service) createMonitoring(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.MonitoringSubscription](c)
	if err != nil {
		return nil, err
	}
	r := &cdn.Resource{Kind: cdn.ResourceMonitoringSubscription, ID: c.Get("DistributionId"), Created: s.now()}
	_, err = s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		if st.Distributions[r.ID] == nil {
			return nil, noSuchDistribution()
		}
		if st.Resource(r.Kind, r.ID) != nil {
			return nil, cloudfront.CodeMonitoringSubscriptionAlreadyExists.Errorf("A monitoring subscription already exists for the specified distribution.")
		}
		return s.put(r, in)
	})
	return &call.Answer{Body: in}, err
}

func noSuchDistribution() error {
	return cloudfront.CodeNoSuchDistribution.Errorf("The specified distribution does not exist.")
}

func monitoring(st *cdn.State, c *call.Call) (*cdn.Resource, error) {
	id := c.Get("DistributionId")
	if st.Distributions[id] == nil {
		return nil, noSuchDistribution()
	}
	if r := st.Resource(cdn.ResourceMonitoringSubscription, id); r != nil {
		return r, nil
	}
	return nil, cloudfront.CodeNoSuchMonitoringSubscription.Errorf("A monitoring subscription does not exist for the specified distribution.")
}

func (s *Service) getMonitoring(c *call.Call) (*call.Answer, error) {
	r, err := monitoring(s.Journal.State(), c)
	if err != nil {
		return nil, err
	}
	body, err := document[cloudfront.MonitoringSubscription](r.Document, r.ID)
	return &call.Answer{Body: body}, err
}

func (s *Service) deleteMonitoring(c *call.Call) (*call.Answer, error) {
	_, err := s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		r, err := monitoring(st, c)
		if err != nil {
			return nil, err
		}
		return s.remove(st, r)
	})
	return &call.Answer{}, err
}
