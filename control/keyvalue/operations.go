package keyvalue

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/journal"
)

// CloudFront's quotas for the data of a store (developer guide, "Quotas on key value
// stores"; compatibility.md, 310).
const (
	maxKey        = 512     // bytes
	maxValue      = 1024    // bytes
	maxStore      = 5 << 20 // bytes of keys and values
	maxUpdate     = 50      // keys that one call names
	maxUpdateSize = 3 << 20 // bytes that one call puts
)

type pair struct {
	Key   string
	Value string `json:",omitempty"`
}

// find returns the store that an ARN names, and what it holds.
func (h *handler) find(s *cdn.State, arn string) (*cdn.Resource, *keyvalues.Values, error) {
	id := cdn.ARNResource(cdn.ResourceKeyValueStore, arn)
	if r := s.Resource(cdn.ResourceKeyValueStore, id); r != nil && arn == "arn:aws:cloudfront::"+h.Account+":key-value-store/"+id {
		return r, s.KeyValues(id), nil
	}
	return nil, nil, fail(notFound, "The key value store does not exist: %.200s.", arn)
}

// version is what a caller may send as If-Match. A store that nothing was ever put into
// has one too.
func version(r *cdn.Resource, v *keyvalues.Values) string {
	if v == nil || v.ETag == "" {
		return "KV" + call.FixedETag(r.ID)[1:]
	}
	return v.ETag
}

func sizes(v *keyvalues.Values) (count, size int) {
	if v == nil {
		return 0, 0
	}
	return v.Count, v.Size
}

func (h *handler) describe(t target) (string, any, error) {
	settled := h.Journal.Settled(journal.Deployed) // asked before the state is
	r, v, err := h.find(h.Journal.State(), t.arn)
	if err != nil {
		return "", nil, err
	}
	count, size := sizes(v)
	status := "READY"
	if settled.Before(r.Version) { // compatibility.md, 308
		status = "PROVISIONING"
	}
	modified := r.Created
	if v != nil {
		modified = time.UnixMilli(v.LastModified)
	}
	return version(r, v), map[string]any{
		"ItemCount": count, "TotalSizeInBytes": size, "KvsARN": t.arn, "Status": status,
		"Created": seconds(r.Created), "LastModified": seconds(modified),
	}, nil
}

// seconds is the form of times in this API.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (h *handler) get(t target) (string, any, error) {
	_, v, err := h.find(h.Journal.State(), t.arn)
	if err != nil {
		return "", nil, err
	}
	value, found := v.Get(t.key)
	if !found {
		return "", nil, fail(notFound, "The key does not exist: %.600q.", t.key)
	}
	count, size := sizes(v)
	return "", map[string]any{"Key": t.key, "Value": value, "ItemCount": count, "TotalSizeInBytes": size}, nil
}

// list answers a page of the keys, in their order. The token is the last key of the
// page before.
func (h *handler) list(t target, query url.Values) (string, any, error) {
	n, err := pageSize(query.Get("MaxResults"))
	if err != nil {
		return "", nil, err
	}
	after, err := base64.RawURLEncoding.DecodeString(query.Get("NextToken"))
	if err != nil {
		return "", nil, fail(validation, "The parameter NextToken is none that this API has given.")
	}
	_, v, err := h.find(h.Journal.State(), t.arn)
	if err != nil {
		return "", nil, err
	}
	keys := v.After(string(after), n+1)
	out := map[string]any{}
	if len(keys) > n {
		keys = keys[:n]
		out["NextToken"] = base64.RawURLEncoding.EncodeToString([]byte(keys[n-1]))
	}
	items := make([]map[string]string, 0, len(keys))
	for _, k := range keys {
		value, _ := v.Get(k)
		items = append(items, map[string]string{"Key": k, "Value": value})
	}
	out["Items"] = items
	return "", out, nil
}

// update puts and deletes keys, all or none.
func (h *handler) update(r *http.Request, t target, puts, deletes []pair) (string, any, error) {
	u, err := newUpdate(puts, deletes)
	if err != nil {
		return "", nil, err
	}
	etag, err := call.NewID(h.Random, "KV", call.Upper)
	if err != nil {
		return "", nil, err
	}
	u.ETag, u.LastModified = etag, h.Now().UnixMilli()
	ifMatch := r.Header.Get("If-Match")
	if ifMatch == "" {
		return "", nil, fail(validation, "The header If-Match is required: the ETag of the key value store.")
	}
	var after *keyvalues.Values
	_, err = h.Journal.Propose(r.Context(), func(s *cdn.State) ([]cdn.Change, error) {
		store, v, err := h.find(s, t.arn)
		if err != nil {
			return nil, err
		}
		if ifMatch != version(store, v) {
			return nil, fail(conflict, "The key value store has changed: its version is no longer %.40q.", ifMatch)
		}
		if r.Method == http.MethodDelete {
			if _, found := v.Get(t.key); !found {
				return nil, fail(notFound, "The key does not exist: %.600q.", t.key)
			}
		}
		if after = v.With(u); after.Size > maxStore {
			return nil, fail(quota, "The key value store would have %d bytes: at most %d are allowed.", after.Size, maxStore)
		}
		c, err := cdn.NewChange(cdn.KindKeyValues, cdn.KeyValueUpdate{Store: store.ID, Update: u}, h.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		return "", nil, err
	}
	return u.ETag, map[string]any{"ItemCount": after.Count, "TotalSizeInBytes": after.Size}, nil
}

// newUpdate checks what one call puts and deletes.
func newUpdate(puts, deletes []pair) (keyvalues.Update, error) {
	u := keyvalues.Update{Put: make(map[string]string, len(puts))}
	if n := len(puts) + len(deletes); n == 0 || n > maxUpdate {
		return u, fail(validation, "A call must name from 1 to %d keys, not %d.", maxUpdate, n)
	}
	named := map[string]bool{}
	size := 0
	for i, p := range append(puts[:len(puts):len(puts)], deletes...) {
		switch {
		case p.Key == "" || len(p.Key) > maxKey || !utf8.ValidString(p.Key):
			return u, fail(validation, "A key must have from 1 to %d bytes of UTF-8: %.600q has not.", maxKey, p.Key)
		case named[p.Key]:
			return u, fail(validation, "The key %.600q is named more than once.", p.Key)
		case len(p.Value) > maxValue:
			return u, fail(validation, "The value of the key %.600q has more than %d bytes.", p.Key, maxValue)
		}
		named[p.Key] = true
		if i < len(puts) {
			u.Put[p.Key] = p.Value
		} else {
			u.Delete = append(u.Delete, p.Key)
		}
		if size += len(p.Key) + len(p.Value); size > maxUpdateSize {
			return u, fail(validation, "A call may put at most %d bytes.", maxUpdateSize)
		}
	}
	return u, nil
}
