// Package wire is the protocol between nodes and control: the paths, what is
// sent to them, and how a node that knows nothing but the cluster secret and
// control find out that they are speaking to one another.
//
// A node joins over a TLS connection of which neither side knows the other yet.
// Both prove the secret with a MAC over the connection's exporter (RFC 9266,
// tls-exporter, under a label of our own) and over what is sent, so that somebody
// in the middle, who has two connections with two exporters, can neither replay
// nor alter it, and the answer can carry what is secret. From then on the node
// has a certificate, and every other call is authenticated by that.
package wire

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// The calls.
const (
	PathJoin        = "/v1/join"        // POST JoinRequest, by cluster secret
	PathJournal     = "/v1/journal"     // GET ?after=VERSION, a stream of journal.Frame, one a line
	PathLease       = "/v1/lease"       // POST journal.LeaseRequest
	PathCertificate = "/v1/certificate" // POST CertificateRequest, edges only
	PathSecret      = "/v1/secret"      // POST SecretRequest, edges and origins
	PathIdentity    = "/v1/identity"    // POST IdentityRequest: renews the node's certificate
)

// ProtocolJournal is how the connection on which a node serves the journal to its
// neighbours is told from others of its peer port (ALPN). It is spoken to in
// HTTP/1.1: PathJournal.
const ProtocolJournal = "warmfront-journal/1"

// The fields with which the journal is asked for and served by neighbours.
const (
	HeaderJournal = "Warmfront-Journal" // JoinAnswer.Journal of whoever says it
	HeaderHead    = "Warmfront-Head"    // the version that the answerer has applied
	HeaderDirect  = "Warmfront-Direct"  // "1" where the answerer follows control itself
)

// MaxBody is the size of the largest request that control reads.
const MaxBody = 64 << 10

// MinSecret is the length of the shortest cluster secret: what a man in the
// middle is sent can be tried offline, so a word will not do.
const MinSecret = 16

// HeaderMAC carries the MAC of a join and of its answer.
const HeaderMAC = "Warmfront-MAC"

// JoinRequest asks to be admitted.
type JoinRequest struct {
	Node cdn.Node `json:"node"`
	// CSR is the request, in PEM, for the node's certificate.
	CSR string `json:"csr"`
	// Incarnation is the last one the node remembers, zero for none.
	Incarnation uint64 `json:"incarnation,omitempty"`
	// Journal is the journal that the node follows, "" for none, and Applied how far.
	// Adopt is one that it is ready to follow instead.
	Journal string      `json:"journal,omitempty"`
	Applied cdn.Version `json:"applied,omitzero"`
	Adopt   string      `json:"adopt,omitempty"`
}

// JoinAnswer is what an admitted node needs.
type JoinAnswer struct {
	Certificate string `json:"certificate"` // PEM, as are the authorities
	NodeCA      string `json:"node_ca"`
	ViewerCA    string `json:"viewer_ca"`
	Zone        string `json:"zone"`
	// Journal identifies the journal: versions of another one mean nothing here.
	Journal     string        `json:"journal"`
	Terms       journal.Terms `json:"terms"`
	Incarnation uint64        `json:"incarnation"`
	// RolledBack says that the node's disk was put back to an older state.
	RolledBack bool `json:"rolled_back,omitempty"`
	// Disk is what control remembers of where the node keeps objects; nil from a
	// control that does not.
	Disk *journal.Disk `json:"disk,omitempty"`
	// Settings are values for the node alone, which may be secret.
	Settings map[string]string `json:"settings,omitempty"`
}

// CertificateRequest asks for a certificate to show to viewers who ask for Name.
type CertificateRequest struct {
	Name string `json:"name"`
	CSR  string `json:"csr"`
}

// SecretRequest asks for what is secret of a resource: the private key of a
// certificate that the edge shows, the secret of an access key whose holders call
// the origin.
type SecretRequest struct {
	Kind cdn.ResourceKind `json:"kind"`
	ID   string           `json:"id"`
}

// SecretAnswer carries it.
type SecretAnswer struct {
	Secret string `json:"secret"`
}

// IdentityRequest asks for the node's next certificate.
type IdentityRequest struct {
	CSR string `json:"csr"`
}

// CertificateAnswer carries a certificate in PEM.
type CertificateAnswer struct {
	Certificate string `json:"certificate"`
}

// Error is the body of every answer that is not 200.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Journal is the journal of who answers, with CodeOtherJournal.
	Journal string `json:"journal,omitempty"`
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// The codes on which a node acts.
const (
	CodeNotRegistered = "NotRegistered" // join again
	CodeSuperseded    = "Superseded"    // another process has joined as this node: stop
	CodeAhead         = "Ahead"         // control has begun a new epoch: call again
	CodeNotLeader     = "NotLeader"     // call another control
	CodeName          = "NoSuchName"    // no distribution answers to the name
	CodeDenied        = "AccessDenied"
	CodeInvalid       = "InvalidRequest"
	CodeInternal      = "InternalError"
	CodeOtherJournal  = "OtherJournal" // caller and answerer follow two journals
	CodeBehind        = "Behind"       // a neighbour does not know the epoch yet: ask another
	CodeBusy          = "Busy"         // a neighbour relays to as many as it may: ask another
)

// Binding is the value that the two ends of one TLS connection, and nobody else,
// have in common.
func Binding(s tls.ConnectionState) ([]byte, error) {
	if s.Version < tls.VersionTLS13 {
		return nil, errors.New("joining needs TLS 1.3")
	}
	return s.ExportKeyingMaterial("EXPORTER-warmfront-join", nil, sha256.Size)
}

// RequestMAC authenticates a join.
func RequestMAC(secret, binding, request []byte) string {
	return mac(secret, "warmfront join request v1", binding, request)
}

// AnswerMAC authenticates the answer to a join.
func AnswerMAC(secret, binding, request, answer []byte) string {
	return mac(secret, "warmfront join answer v1", binding, request, answer)
}

// mac hashes each part first, so that no two sequences of parts look alike. Each
// direction has a key of its own: an answer never passes for a request.
func mac(secret []byte, use string, parts ...[]byte) string {
	key, err := hkdf.Key(sha256.New, secret, nil, use, sha256.Size)
	if err != nil {
		panic(err) // only for lengths that HKDF cannot give
	}
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		h := sha256.Sum256(p)
		m.Write(h[:])
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Equal compares two MACs in constant time.
func Equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// CheckSecret refuses secrets that are too short.
func CheckSecret(secret []byte) error {
	if len(secret) < MinSecret {
		return fmt.Errorf("the cluster secret has %d bytes; it needs at least %d, made at random", len(secret), MinSecret)
	}
	return nil
}
