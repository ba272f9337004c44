package cdn

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/cdn/managed"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/policies"
)

// ResourceKind names a kind of resource as the API's paths do.
type ResourceKind string

// The kinds of resource.
const (
	ResourceCachePolicy                ResourceKind = "cache-policy"
	ResourceOriginRequestPolicy        ResourceKind = "origin-request-policy"
	ResourceResponseHeadersPolicy      ResourceKind = "response-headers-policy"
	ResourceAccessControl              ResourceKind = "origin-access-control"
	ResourceAccessIdentity             ResourceKind = "origin-access-identity"
	ResourcePublicKey                  ResourceKind = "public-key"
	ResourceKeyGroup                   ResourceKind = "key-group"
	ResourceFunction                   ResourceKind = "function"
	ResourceKeyValueStore              ResourceKind = "key-value-store"
	ResourceContinuousDeploymentPolicy ResourceKind = "continuous-deployment-policy"
	ResourceRealtimeLogConfig          ResourceKind = "realtime-log-config"
	ResourceMonitoringSubscription     ResourceKind = "monitoring-subscription"
	ResourceStreamingDistribution      ResourceKind = "streaming-distribution"
	ResourceFieldLevelEncryption       ResourceKind = "field-level-encryption-config"
	ResourceFieldLevelProfile          ResourceKind = "field-level-encryption-profile"

	// Of other services than CloudFront; package account has their documents.
	ResourceCertificate ResourceKind = "certificate" // by ARN
	ResourceHostedZone  ResourceKind = "hosted-zone"
	ResourceAccessKey   ResourceKind = "access-key"

	// Of CloudWatch Logs; package logs has their documents. The first two go by their
	// names.
	ResourceLogSource      ResourceKind = "log-delivery-source"
	ResourceLogDestination ResourceKind = "log-delivery-destination"
	ResourceLogDelivery    ResourceKind = "log-delivery"
)

// ResourceRef names one resource. It is the body of KindResourceDelete.
type ResourceRef struct {
	Kind ResourceKind `json:"kind"`
	ID   string       `json:"id"`
}

// Resource is anything in an account besides distributions: most are what
// distributions refer to. As of a distribution the journal keeps the document, whole,
// as received.
type Resource struct {
	Kind ResourceKind `json:"kind"`
	// ID is what others refer to it by: assigned by control, or the name of a
	// function and of a real-time log configuration, or the distribution's id of a
	// monitoring subscription.
	ID string `json:"id"`
	// Name is unique among its kind; "" where the kind has none.
	Name string `json:"name,omitempty"`
	// CallerReference is unique among its kind; "" where the kind has none.
	CallerReference string    `json:"caller_reference,omitempty"`
	ETag            string    `json:"etag,omitempty"`
	Created         time.Time `json:"created,omitzero"`
	LastModified    time.Time `json:"last_modified,omitzero"`
	// Document is the configuration. Of a function it is the stage DEVELOPMENT: an
	// UpdateFunctionRequest, which holds the code as well.
	Document string `json:"document"`
	// Live is a function's stage LIVE: nil until it is published.
	Live *Stage `json:"live,omitempty"`
	// SessionsSince is the version since which sessions of a continuous deployment policy
	// go on: all that began before have ended.
	SessionsSince Version `json:"sessions_since,omitzero"`
	// Domain is the domain name of a streaming distribution.
	Domain string            `json:"domain,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	// Managed marks what is CloudFront's own: the same in every account, and in no
	// journal.
	Managed bool `json:"-"`
	// Version is the journal version of its last change.
	Version Version `json:"version,omitzero"`

	uses []ResourceRef
}

// Stage is a published form of a resource.
type Stage struct {
	ETag         string    `json:"etag"`
	Created      time.Time `json:"created,omitzero"`
	LastModified time.Time `json:"last_modified,omitzero"`
	Document     string    `json:"document"`
}

// Ref names the resource.
func (r *Resource) Ref() ResourceRef { return ResourceRef{r.Kind, r.ID} }

// resourceKind is what sets a kind of resource apart.
type resourceKind struct {
	// missing is the error code for who refers to one that is not there, inUse for
	// who deletes one that something refers to.
	missing, inUse string
	// uses lists what a document refers to. Nil: nothing.
	uses func(doc *document.Element) []ResourceRef
	// check refuses a document of which no plan could be made. Nil: no plan needs it.
	check func(r *Resource) error
}

func resourceKinds(kind ResourceKind) (resourceKind, bool) {
	k, found := map[ResourceKind]resourceKind{
		ResourceCachePolicy:                {"NoSuchCachePolicy", "CachePolicyInUse", nil, checks(byID(policies.CompileCache))},
		ResourceOriginRequestPolicy:        {"NoSuchOriginRequestPolicy", "OriginRequestPolicyInUse", nil, checks(byID(policies.CompileOriginRequest))},
		ResourceResponseHeadersPolicy:      {"NoSuchResponseHeadersPolicy", "ResponseHeadersPolicyInUse", nil, checks(byID(policies.CompileResponseHeaders))},
		ResourceAccessControl:              {"InvalidOriginAccessControl", "OriginAccessControlInUse", nil, checks(byID(origins.CompileAccessControl))},
		ResourceAccessIdentity:             {"InvalidOriginAccessIdentity", "CloudFrontOriginAccessIdentityInUse", nil, nil},
		ResourcePublicKey:                  {"InvalidArgument", "PublicKeyInUse", nil, checks(compilePublicKey)},
		ResourceKeyGroup:                   {"TrustedKeyGroupDoesNotExist", "ResourceInUse", keyGroupUses, nil},
		ResourceFunction:                   {"InvalidFunctionAssociation", "FunctionInUse", functionUses, checkFunction},
		ResourceKeyValueStore:              {"InvalidArgument", "CannotDeleteEntityWhileInUse", nil, nil},
		ResourceContinuousDeploymentPolicy: {"NoSuchContinuousDeploymentPolicy", "ContinuousDeploymentPolicyInUse", nil, nil},
		ResourceRealtimeLogConfig:          {"NoSuchRealtimeLogConfig", "RealtimeLogConfigInUse", nil, nil},
		ResourceMonitoringSubscription:     {"NoSuchMonitoringSubscription", "ResourceInUse", nil, nil},
		ResourceStreamingDistribution:      {"NoSuchStreamingDistribution", "ResourceInUse", streamingUses, nil},
		ResourceFieldLevelEncryption:       {"NoSuchFieldLevelEncryptionConfig", "FieldLevelEncryptionConfigInUse", fieldLevelUses, nil},
		ResourceFieldLevelProfile:          {"NoSuchFieldLevelEncryptionProfile", "FieldLevelEncryptionProfileInUse", fieldLevelProfileUses, nil},
		ResourceCertificate:                {"InvalidViewerCertificate", "ResourceInUseException", nil, checksJSON(account.ParseCertificate)},
		ResourceHostedZone:                 {"NoSuchHostedZone", "HostedZoneNotEmpty", nil, checksJSON(account.ParseZone)},
		ResourceAccessKey:                  {"InvalidArgument", "DeleteConflict", nil, checksJSON(account.ParseAccessKey)},
		ResourceLogSource:                  {"ResourceNotFoundException", "ConflictException", nil, checksJSON(logs.Read[logs.Source])},
		ResourceLogDestination:             {"ResourceNotFoundException", "ConflictException", nil, checksJSON(logs.Read[logs.Destination])},
		ResourceLogDelivery:                {"ResourceNotFoundException", "ConflictException", nil, checksJSON(logs.Read[logs.Delivery])},
	}[kind]
	return k, found
}

// checks makes of the function that compiles a document one that only tells whether
// it can be compiled.
func checks[T any](compile func(*document.Element, *Resource) (T, error)) func(*Resource) error {
	return func(r *Resource) error {
		doc, err := parse(r.Document)
		if err != nil {
			return err
		}
		_, err = compile(doc, r)
		return err
	}
}

// checksJSON is checks for documents that are not the API's own.
func checksJSON[T any](parse func(string) (T, error)) func(*Resource) error {
	return func(r *Resource) error {
		if _, err := parse(r.Document); err != nil {
			return Errorf("InvalidArgument", "The document of the %s %s cannot be read: %v.", r.Kind, r.ID, err)
		}
		return nil
	}
}

// CheckResource refuses what could not be kept: its error is an *Error, with
// CloudFront's code. It sets what the resource refers to, for Uses.
func CheckResource(r *Resource) error {
	kind, known := resourceKinds(r.Kind)
	if !known {
		return Errorf("InvalidArgument", "There is no kind of resource %.100q.", r.Kind)
	}
	r.uses = nil
	if kind.check != nil {
		if err := kind.check(r); err != nil {
			return err
		}
	}
	if kind.uses == nil {
		return nil
	}
	documents := []string{r.Document}
	if r.Live != nil {
		documents = append(documents, r.Live.Document)
	}
	for _, d := range documents {
		doc, err := parse(d)
		if err != nil {
			return err
		}
		r.uses = append(r.uses, kind.uses(doc)...)
	}
	r.uses = uniqueRefs(r.uses)
	return nil
}

// Uses lists what the resource refers to. Do not change it.
func (r *Resource) Uses() []ResourceRef { return r.uses }

func uniqueRefs(refs []ResourceRef) []ResourceRef {
	slices.SortFunc(refs, func(a, b ResourceRef) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return slices.Compact(refs)
}

// refsTo makes references of ids, without the empty ones.
func refsTo(kind ResourceKind, ids ...string) []ResourceRef {
	var refs []ResourceRef
	for _, id := range ids {
		if id != "" {
			refs = append(refs, ResourceRef{kind, id})
		}
	}
	return refs
}

func fieldLevelUses(doc *document.Element) (refs []ResourceRef) {
	for _, at := range [][]string{
		{"QueryArgProfileConfig", "QueryArgProfiles"}, {"ContentTypeProfileConfig", "ContentTypeProfiles"},
	} {
		for _, e := range doc.Items(at...) {
			refs = append(refs, refsTo(ResourceFieldLevelProfile, e.String("ProfileId"))...)
		}
	}
	return refs
}

func fieldLevelProfileUses(doc *document.Element) (refs []ResourceRef) {
	for _, e := range doc.Items("EncryptionEntities") {
		refs = append(refs, refsTo(ResourcePublicKey, e.String("PublicKeyId"))...)
	}
	return refs
}

// ARNResource returns the last part of an ARN of that kind of resource, such as the
// name in "arn:aws:cloudfront::123456789012:function/NAME"; "" if it is none.
func ARNResource(kind ResourceKind, arn string) string {
	service, id, found := strings.Cut(arn, ":"+string(kind)+"/")
	if !found || !strings.HasPrefix(service, "arn:") || strings.Count(service, ":") != 4 {
		return ""
	}
	return id
}

// Resources are what a configuration may refer to: by kind, then by id.
type Resources map[ResourceKind]map[string]*Resource

// Get returns a resource, nil if there is none. CloudFront's managed policies are
// always there.
func (r Resources) Get(kind ResourceKind, id string) *Resource {
	if found := r[kind][id]; found != nil {
		return found
	}
	return managedPolicy(kind, id)
}

// Missing returns the error for who refers to what is not there.
func (ref ResourceRef) Missing() error {
	kind, _ := resourceKinds(ref.Kind)
	return Errorf(cmp.Or(kind.missing, "InvalidArgument"), "The %s %q does not exist.", strings.ReplaceAll(string(ref.Kind), "-", " "), ref.ID)
}

// InUse returns the error for who deletes what something refers to.
func (ref ResourceRef) InUse(by string) error {
	kind, _ := resourceKinds(ref.Kind)
	return Errorf(cmp.Or(kind.inUse, "ResourceInUse"), "The %s %s cannot be deleted because it is in use by %s.", strings.ReplaceAll(string(ref.Kind), "-", " "), ref.ID, by)
}

// ManagedPolicies returns CloudFront's managed policies of a kind.
func ManagedPolicies(kind ResourceKind) []*Resource {
	var all []*Resource
	for _, m := range managedOf(kind) {
		all = append(all, managedResource(kind, m))
	}
	return all
}

func managedOf(kind ResourceKind) []managed.Policy {
	switch kind {
	case ResourceCachePolicy:
		return managed.CachePolicies()
	case ResourceOriginRequestPolicy:
		return managed.OriginRequestPolicies()
	case ResourceResponseHeadersPolicy:
		return managed.ResponseHeadersPolicies()
	}
	return nil
}

func managedPolicy(kind ResourceKind, id string) *Resource {
	for _, m := range managedOf(kind) {
		if m.ID == id {
			return managedResource(kind, m)
		}
	}
	return nil
}

func managedResource(kind ResourceKind, m managed.Policy) *Resource {
	return &Resource{Kind: kind, ID: m.ID, Name: m.Name, Managed: true, Document: m.Document()}
}

// parse reads a document of the API.
func parse(text string) (*document.Element, error) {
	doc, err := document.Parse(text)
	if err != nil {
		return nil, Errorf("MalformedXML", "%v.", err)
	}
	return doc, nil
}
