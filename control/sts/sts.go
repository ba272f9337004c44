// Package sts serves what AWS tools ask of STS and IAM before anything else: who
// they are. It speaks the query protocol, in the URL of a GET or in a form.
//
// GetCallerIdentity (sts) and GetUser of the caller (iam) are all of it; whatever
// else is asked is InvalidAction.
package sts

import (
	"encoding/xml"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/sigv4"
)

// Config is what the services are given.
type Config struct {
	// Gate is what requests pass, for the service's name.
	Gate admission.Gate
	// Who tells whose an access key is.
	Who       func(accessKeyID string) accesskey.Identity
	RequestID func() string
	Logger    *slog.Logger
}

const (
	namespaceSTS = "https://sts.amazonaws.com/doc/2011-06-15/"
	namespaceIAM = "https://iam.amazonaws.com/doc/2010-05-08/"
)

// Handler serves STS.
func Handler(cfg Config) http.Handler {
	return service{cfg, namespaceSTS, map[string]action{"GetCallerIdentity": getCallerIdentity}}
}

// IAM serves the one call of IAM that there is.
func IAM(cfg Config) http.Handler {
	return service{cfg, namespaceIAM, map[string]action{"GetUser": getUser}}
}

// action answers a call of an identity with the content of its Result element.
type action func(who accesskey.Identity, form url.Values) (any, error)

type service struct {
	Config
	namespace string
	actions   map[string]action
}

func getCallerIdentity(who accesskey.Identity, _ url.Values) (any, error) {
	return struct {
		XMLName              xml.Name `xml:"GetCallerIdentityResult"`
		Arn, UserId, Account string
	}{Arn: who.ARN, UserId: who.UserID, Account: who.Account}, nil
}

func getUser(who accesskey.Identity, form url.Values) (any, error) {
	if name := form.Get("UserName"); name != "" && name != who.Name {
		return nil, cdn.Errorf("NoSuchEntity", "The user with name %.64s cannot be found.", name)
	}
	type user struct {
		Path        string
		UserName    string `xml:",omitempty"`
		UserId, Arn string
		CreateDate  string
	}
	return struct {
		XMLName xml.Name `xml:"GetUserResult"`
		User    user
	}{User: user{"/", who.Name, who.UserID, who.ARN, time.Unix(0, 0).UTC().Format(time.RFC3339)}}, nil
}

func (s service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := s.RequestID()
	w.Header().Set("x-amzn-RequestId", id)
	name, result, err := s.do(w, r)
	if err != nil {
		s.fail(w, id, err)
		return
	}
	write(w, http.StatusOK, struct {
		XMLName   xml.Name
		Result    any
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}{xml.Name{Space: s.namespace, Local: name + "Response"}, result, id})
}

func (s service) do(w http.ResponseWriter, r *http.Request) (name string, result any, err error) {
	body, err := s.Gate.Admit(w, r)
	if err != nil {
		return "", nil, err
	}
	text := r.URL.RawQuery
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		text = string(body)
	default:
		return "", nil, cdn.Errorf("InvalidAction", "Calls are GET or POST, not %.32s.", r.Method)
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return "", nil, cdn.Errorf("MalformedInput", "The parameters cannot be read: %v.", err)
	}
	name = form.Get("Action")
	act, found := s.actions[name]
	if !found {
		return "", nil, cdn.Errorf("InvalidAction", "Could not find operation %.128s for version %.32s", name, form.Get("Version"))
	}
	key, _ := sigv4.Claimed(r)
	result, err = act(s.Who(key), form)
	return name, result, err
}

func (s service) fail(w http.ResponseWriter, id string, err error) {
	type detail struct{ Type, Code, Message string }
	e := detail{"Receiver", "InternalFailure", "The request could not be processed because of an internal error."}
	status := http.StatusInternalServerError
	var coded *cdn.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err, &signature):
		e.Type = "Sender"
		e.Code, e.Message, status = signature.Query()
	case errors.As(err, &coded):
		e, status = detail{"Sender", coded.Code, coded.Message}, http.StatusBadRequest
		switch {
		case coded.Code == "AccessDenied":
			status = http.StatusForbidden
		case strings.HasPrefix(coded.Code, "NoSuch"):
			status = http.StatusNotFound
		case coded.Code == "RequestEntityTooLarge":
			status = http.StatusRequestEntityTooLarge
		}
	default:
		s.Logger.Error("a call failed", "request", id, "error", err)
	}
	write(w, status, struct {
		XMLName   xml.Name
		Error     detail
		RequestID string `xml:"RequestId"`
	}{xml.Name{Space: s.namespace, Local: "ErrorResponse"}, e, id})
}

func write(w http.ResponseWriter, status int, v any) {
	doc, err := xml.Marshal(v)
	if err != nil {
		panic(err) // the types above always marshal
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(doc) // the caller is gone
}
