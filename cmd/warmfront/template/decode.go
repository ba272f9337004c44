package template

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// renamed are members that CloudFormation names otherwise than the API does, by the
// shape that has them.
func renamed(shape, name string) string {
	to, found := map[string]string{
		"DistributionConfig.IPV6Enabled":      "IsIPV6Enabled",
		"Origin.OriginCustomHeaders":          "CustomHeaders",
		"GeoRestriction.Locations":            "Items",
		"DefaultCacheBehavior.CachedMethods":  "AllowedMethods.CachedMethods",
		"CacheBehavior.CachedMethods":         "AllowedMethods.CachedMethods",
		"KeyValueStoreAssociation.Arn":        "KeyValueStoreARN",
		"ContinuousDeploymentPolicyConfig.ID": "Id",
	}[shape+"."+name]
	if found {
		return to
	}
	return name
}

// Decode sets what dst points to, a shape of the AWS SDK's, from evaluated properties.
// Its errors name the member.
func Decode(src, dst any) error { return decode(src, reflect.ValueOf(dst).Elem()) }

func decode(src any, dst reflect.Value) error {
	switch dst.Kind() {
	case reflect.Pointer:
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		return decode(src, dst.Elem())
	case reflect.Struct:
		return decodeStruct(src, dst)
	case reflect.Slice:
		list, ok := src.([]any)
		if !ok {
			return fmt.Errorf("a list is wanted, not %v", src)
		}
		dst.Set(reflect.MakeSlice(dst.Type(), len(list), len(list)))
		for i, item := range list {
			if err := decode(item, dst.Index(i)); err != nil {
				return fmt.Errorf("%d: %w", i+1, err)
			}
		}
		return nil
	}
	return decodeScalar(src, dst)
}

// decodeStruct takes a list for a shape that has Quantity and Items, and beside them
// perhaps Enabled.
func decodeStruct(src any, dst reflect.Value) error {
	items := dst.FieldByName("Items")
	switch src := src.(type) {
	case []any:
		if !items.IsValid() {
			return fmt.Errorf("a map is wanted, not a list")
		}
		if err := decode(src, items); err != nil {
			return err
		}
		if enabled := dst.FieldByName("Enabled"); enabled.IsValid() {
			if err := decode(len(src) > 0, enabled); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, v := range src {
			f := member(dst, renamed(dst.Type().Name(), name))
			if !f.IsValid() {
				return fmt.Errorf("%s: it is not known here", name)
			}
			if err := decode(v, f); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	default:
		return fmt.Errorf("a map is wanted, not %v", src)
	}
	if quantity := dst.FieldByName("Quantity"); quantity.IsValid() && items.IsValid() {
		return decode(items.Len(), quantity)
	}
	return nil
}

// member finds a field whatever the case of its letters (AcmCertificateArn is
// ACMCertificateArn); a path makes what is on its way.
func member(v reflect.Value, path string) reflect.Value {
	name, rest, more := strings.Cut(path, ".")
	f := v.FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, name) })
	if !f.IsValid() || !f.CanSet() || !more {
		if f.IsValid() && !f.CanSet() {
			return reflect.Value{}
		}
		return f
	}
	if f.Kind() == reflect.Pointer {
		if f.IsNil() {
			f.Set(reflect.New(f.Type().Elem()))
		}
		f = f.Elem()
	}
	return member(f, rest)
}

// decodeScalar: templates have numbers and booleans as text too.
func decodeScalar(src any, dst reflect.Value) error {
	text := ""
	switch v := src.(type) {
	case string:
		text = v
	case bool, int, int64, uint64, json.Number:
		text = fmt.Sprint(v)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Errorf("a single value is wanted, not %v", src)
	}
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(text)
		return nil
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		dst.SetBool(b)
		return notA("boolean", text, err)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, dst.Type().Bits())
		dst.SetInt(n)
		return notA("whole number", text, err)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		dst.SetFloat(n)
		return notA("number", text, err)
	}
	return fmt.Errorf("a %s cannot be read from a template", dst.Type())
}

func notA(kind, text string, err error) error {
	if err != nil {
		return fmt.Errorf("%q is no %s", text, kind)
	}
	return nil
}
