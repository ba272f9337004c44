package cdn

import (
	"github.com/warmfront/warmfront/cdn/deployment"
	"github.com/warmfront/warmfront/cdn/document"
)

// compileDeployment reads which continuous deployment policy there is.
func compileDeployment(doc *document.Element, p *Plan, c *compiler) (err error) {
	p.Deployment, err = use(c, ResourceContinuousDeploymentPolicy, doc.String("ContinuousDeploymentPolicyId"), compileDeploymentPolicy)
	return err
}

func compileDeploymentPolicy(doc *document.Element, r *Resource) (*deployment.Policy, error) {
	return deployment.Compile(doc, r.ID, r.SessionsSince.String()), nil
}

// keepSessions notes, of a continuous deployment policy that replaces old in the change
// at v, since when its sessions go on: what ends them all is that it, or stickiness, is
// turned on or off. A snapshot, at version zero, says it itself.
func (r *Resource) keepSessions(old *Resource, v Version) error {
	if r.Kind != ResourceContinuousDeploymentPolicy || v.IsZero() {
		return nil
	}
	if r.SessionsSince = v; old == nil {
		return nil
	}
	is, err := parse(r.Document)
	if err != nil {
		return err
	}
	was, err := parse(old.Document)
	if err == nil && !deployment.EndsSessions(deployment.Compile(was, r.ID, ""), deployment.Compile(is, r.ID, "")) {
		r.SessionsSince = old.SessionsSince
	}
	return nil
}

// StagingFor returns the staging distribution that a primary one's continuous deployment
// policy names; nil where there is none, or it is disabled.
func (s *State) StagingFor(p *Plan) *Plan {
	staging := s.hosts[p.Deployment.Staging]
	if staging == nil || !staging.Staging || !staging.Enabled {
		return nil
	}
	return staging
}
