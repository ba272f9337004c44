package resource

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/journal"
)

// Journal is what the operations read and change; *control.Control is one.
type Journal interface {
	State() *cdn.State
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
	Settled(journal.Scope) cdn.Version
}

// Service is what the operations are given.
type Service struct {
	Journal Journal
	Account string // the twelve digits in ARNs
	Zone    string // beneath which streaming distributions get their names
	Now     func() time.Time
	Random  io.Reader // safe for concurrent use
	// Functions runs functions. Nil: nobody does, and none can be tested.
	Functions Functions
	// Objects reads what key value stores are imported from. Nil: none can be.
	Objects Objects
	// Tags checks the tags of a request.
	Tags func(cloudfront.Tags) (map[string]string, error)
}

// Operations returns all operations of this package, by their names in the API.
func (s *Service) Operations() map[string]call.Operation {
	all := map[string]call.Operation{}
	for _, of := range []map[string]call.Operation{
		cachePolicies().operations(s), originRequestPolicies().operations(s), responseHeadersPolicies().operations(s),
		accessControls().operations(s), accessIdentities().operations(s),
		publicKeys().operations(s), keyGroups().operations(s),
		continuousDeploymentPolicies().operations(s),
		fieldLevelConfigs().operations(s), fieldLevelProfiles().operations(s),
		s.streamingOperations(), s.functionOperations(), s.storeOperations(),
		s.realtimeLogOperations(), s.monitoringOperations(),
	} {
		maps.Copy(all, of)
	}
	return all
}

// now is the time that is written down: CloudFront tells milliseconds.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// change makes the one change that an operation proposes.
func (s *Service) change(kind cdn.Kind, body any) ([]cdn.Change, error) {
	c, err := cdn.NewChange(kind, body, s.Now())
	return []cdn.Change{c}, err
}

// put gives a resource a new ETag and makes the change.
func (s *Service) put(r *cdn.Resource, document any) (changes []cdn.Change, err error) {
	if r.ETag, err = call.NewETag(s.Random); err != nil {
		return nil, err
	}
	r.LastModified, r.Document = s.now(), string(cloudfront.Marshal(cloudfront.Version, document))
	return s.change(cdn.KindResourcePut, r)
}

// remove makes the change by which a resource is gone, unless something refers to it.
func (s *Service) remove(st *cdn.State, r *cdn.Resource) ([]cdn.Change, error) {
	if by := st.UserOf(r.Ref()); by != "" {
		return nil, r.Ref().InUse(by)
	}
	return s.change(cdn.KindResourceDelete, r.Ref())
}

// arn returns the ARN of a resource. CloudFront's have no region.
func (s *Service) arn(kind cdn.ResourceKind, id string) string {
	return "arn:aws:cloudfront::" + s.Account + ":" + string(kind) + "/" + id
}

// settled is the version up to which every node has what the journal says. Asked before
// the state is, it errs on the side of not yet (see package api).
func (s *Service) settled() cdn.Version { return s.Journal.Settled(journal.Deployed) }

// document reads what the journal has of a resource.
func document[C any](text, id string) (*C, error) {
	cfg := new(C)
	if err := cloudfront.Unmarshal([]byte(text), cfg); err != nil {
		// Not wrapped: what the journal holds is not the caller's mistake, whatever
		// code the error has.
		return nil, errors.New("the document of " + id + " in the journal: " + err.Error())
	}
	return cfg, nil
}

func invalid(format string, args ...any) error {
	return cloudfront.CodeInvalidArgument.Errorf(format, args...)
}

// checkName refuses what is no name of a resource: letters, digits, "-" and "_".
func checkName(name string, most int) error {
	for i := range len(name) {
		if !strings.Contains(nameCharacters, name[i:i+1]) {
			return invalid("The parameter Name may have letters, digits, hyphens and underscores only, not %.100q.", name)
		}
	}
	if name == "" || len(name) > most {
		return invalid("The parameter Name must have 1 to %d characters.", most)
	}
	return nil
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// checkComment refuses a comment that is too long.
func checkComment(comment *string) error {
	if len([]rune(cloudfront.Or(comment, ""))) > maxComment {
		return invalid("The parameter Comment is too long: at most %d characters are allowed.", maxComment)
	}
	return nil
}

const maxComment = 128
