package keyvalue

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// MaxFile is how large a file may be that a store is imported from, in bytes.
const MaxFile = maxStore

// TooLarge is why a file is not imported that a store has no room for.
type TooLarge struct{ Size int }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("it has %d bytes of keys and values: at most %d are allowed", e.Size, maxStore)
}

// ParseFile reads a file of keys and values (developer guide, "File format for key-value
// pairs"). Its errors are in words for whoever wrote it, and *TooLarge.
func ParseFile(text []byte) (map[string]string, error) {
	if len(text) > MaxFile {
		return nil, &TooLarge{len(text)}
	}
	var file struct {
		Data *[]struct{ Key, Value *string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("it is not JSON of the form {\"data\": [{\"key\": \"…\", \"value\": \"…\"}]}: %w", err)
	}
	if file.Data == nil || !utf8.Valid(text) {
		return nil, fmt.Errorf("it is not UTF-8 of the form {\"data\": [{\"key\": \"…\", \"value\": \"…\"}]}")
	}
	all, size := make(map[string]string, len(*file.Data)), 0
	for i, p := range *file.Data {
		switch {
		case p.Key == nil || p.Value == nil:
			return nil, fmt.Errorf("item %d has no key, or no value", i+1)
		case *p.Key == "" || len(*p.Key) > maxKey:
			return nil, fmt.Errorf("the key of item %d has not 1 to %d bytes", i+1, maxKey)
		case len(*p.Value) > maxValue:
			return nil, fmt.Errorf("the value of the key %.600q has more than %d bytes", *p.Key, maxValue)
		}
		if _, twice := all[*p.Key]; twice {
			return nil, fmt.Errorf("the key %.600q is there more than once", *p.Key)
		}
		all[*p.Key] = *p.Value
		size += len(*p.Key) + len(*p.Value)
	}
	if size > maxStore {
		return nil, &TooLarge{size}
	}
	return all, nil
}
