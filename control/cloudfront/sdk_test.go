package cloudfront

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// roundTrip answers the SDK's requests without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

func sdkClient(do roundTrip) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://control.test"), HTTPClient: do,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
		RetryMaxAttempts: 1,
	})
}

func answer(status int, header http.Header, body []byte) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// TestSDK calls every operation through the Go SDK, with every member of its
// input set and every member of the response, and compares what each side reads
// with what the other wrote: names, types, nesting and lists of all shapes.
func TestSDK(t *testing.T) {
	for _, op := range Operations() {
		t.Run(op.Name, func(t *testing.T) {
			var request, response any
			client := sdkClient(func(r *http.Request) (*http.Response, error) {
				got, p, ok := Route(r.Method, r.URL.EscapedPath(), r.URL.RawQuery)
				if !ok || got.Name != op.Name || got.Check(p) != nil {
					t.Errorf("%s %s is routed to %q %+v", r.Method, r.URL, got.Name, p)
				}
				for _, h := range op.RequestHeaders {
					if r.Header.Get(h) == "" {
						t.Errorf("no header %s", h)
					}
				}
				var body []byte
				if r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				if request = op.NewRequest(); request != nil {
					if err := Decode(body, p.Version, request); err != nil {
						t.Errorf("%v in %s", err, body)
					}
				} else if len(body) > 0 {
					t.Errorf("a body: %s", body)
				}
				header := http.Header{"Content-Type": {"text/xml"}}
				for _, h := range op.ResponseHeaders {
					header.Set(h, h+"-value")
				}
				if response = op.NewResponse(); response == nil {
					return answer(op.Status, header, []byte("code"))
				}
				fillAll(reflect.ValueOf(response).Elem())
				return answer(op.Status, header, Marshal(p.Version, response))
			})
			method := reflect.ValueOf(client).MethodByName(op.Name)
			input := reflect.New(method.Type().In(1).Elem())
			fillAll(input.Elem())
			results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
			if err, _ := results[1].Interface().(error); err != nil {
				t.Fatal(err)
			}
			compareInput(t, op, input.Elem(), request)
			compareOutput(t, op, results[0].Elem(), response)
		})
	}
}

func compareInput(t *testing.T, op Operation, input reflect.Value, request any) {
	if request == nil {
		return
	}
	bound := len(op.Query) + len(op.RequestHeaders) + strings.Count(op.URI, "{")
	ours := reflect.ValueOf(request).Elem()
	if payload := input.FieldByName(op.RequestRoot()); payload.IsValid() {
		compare(t, op.RequestRoot(), payload, ours)
		return
	}
	compareMembers(t, op.RequestRoot(), input, ours, bound)
}

func compareOutput(t *testing.T, op Operation, output reflect.Value, response any) {
	for i := range output.NumField() {
		f := output.Type().Field(i)
		bound := f.Name == "ETag" || f.Name == "Location" || f.Name == "ContentType"
		if bound && !strings.HasSuffix(reflect.Indirect(output.Field(i)).String(), "-value") {
			t.Errorf("%s is not read", f.Name)
		}
	}
	if response == nil {
		return
	}
	ours := reflect.ValueOf(response).Elem()
	for i := range output.NumField() {
		// The payload is the one member whose type has the shape's name.
		if f := output.Type().Field(i); f.Type.Kind() == reflect.Pointer && f.Type.Elem().Name() == ours.Type().Name() {
			compare(t, f.Name, output.Field(i), ours)
			return
		}
	}
	compareMembers(t, ours.Type().Name(), output, ours, len(op.ResponseHeaders)+1) // and ResultMetadata
}

// compareMembers holds two structs to the same members, but for those of the
// SDK's that are bound to the path, the query or headers.
func compareMembers(t *testing.T, path string, theirs, ours reflect.Value, bound int) {
	members := 0
	for i := range theirs.NumField() {
		if theirs.Type().Field(i).IsExported() {
			members++
		}
	}
	if members != ours.NumField()+bound {
		t.Errorf("%s has %d members at the SDK, %d bound elsewhere, and %d here", path, members, bound, ours.NumField())
	}
	for i := range ours.NumField() {
		name := ours.Type().Field(i).Name
		f := theirs.FieldByName(name)
		if !f.IsValid() {
			t.Errorf("%s.%s is not in the SDK", path, name)
			continue
		}
		compare(t, path+"."+name, f, ours.Field(i))
	}
}

func compare(t *testing.T, path string, theirs, ours reflect.Value) {
	theirs, ours = reflect.Indirect(theirs), reflect.Indirect(ours)
	if theirs.Kind() == reflect.Interface && !theirs.IsNil() {
		// A union, of which there is one: its only member is the shape's only member.
		compare(t, path, theirs.Elem().Elem().Field(0), ours.Field(0))
		return
	}
	if !theirs.IsValid() || !ours.IsValid() || theirs.Kind() == reflect.Interface {
		t.Errorf("%s is missing on one side: %v, %v", path, theirs, ours)
		return
	}
	if e, ok := ours.Interface().(enumeration); ok {
		if a, b := valuesOf(theirs), slices.Sorted(slices.Values(e.values())); !reflect.DeepEqual(a, b) {
			t.Errorf("%s has the values %q at the SDK, %q here", path, a, b)
		}
	}
	_, isTime := ours.Interface().(time.Time)
	switch {
	case isTime:
		if !theirs.Interface().(time.Time).Equal(ours.Interface().(time.Time)) {
			t.Errorf("%s is %v at the SDK, %v here", path, theirs, ours)
		}
	case ours.Kind() == reflect.Struct:
		compareMembers(t, path, theirs, ours, 0)
	case ours.Kind() == reflect.Slice && ours.Type().Elem().Kind() != reflect.Uint8:
		if theirs.Len() != ours.Len() || ours.Len() == 0 {
			t.Errorf("%s has %d items at the SDK, %d here", path, theirs.Len(), ours.Len())
			return
		}
		for i := range ours.Len() {
			compare(t, fmt.Sprintf("%s.%d", path, i), theirs.Index(i), ours.Index(i))
		}
	default:
		if a, b := fmt.Sprint(theirs.Interface()), fmt.Sprint(ours.Interface()); a != b {
			t.Errorf("%s is %q at the SDK, %q here", path, a, b)
		}
	}
}

// fillAll sets every member of a value of ours or of the SDK's, at every depth,
// to something that the API accepts.
func fillAll(v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2024, 5, 1, 12, 30, 15, 250e6, time.UTC)
		return
	case *[]byte:
		*x = []byte("<blob>")
		return
	case *types.CaCertificatesBundleSource:
		m := &types.CaCertificatesBundleSourceMemberCaCertificatesBundleS3Location{}
		fillAll(reflect.ValueOf(&m.Value).Elem())
		*x = m
		return
	}
	if v.Kind() == reflect.String {
		v.SetString(anyValue(v))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillAll(v.Index(0))
		fillAll(v.Index(1))
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				fillAll(v.Field(i))
			}
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(2) // so that every Quantity is that of a list of two
	case reflect.Float32, reflect.Float64:
		v.SetFloat(0.5)
	}
}

// valuesOf returns the values of an enumeration of the SDK's, nil for another string.
func valuesOf(v reflect.Value) (values []string) {
	m := v.MethodByName("Values")
	if !m.IsValid() {
		return nil
	}
	all := m.Call(nil)[0]
	for i := range all.Len() {
		values = append(values, all.Index(i).String())
	}
	slices.Sort(values)
	return values
}

// anyValue is the last value of an enumeration, or a text that needs escaping.
func anyValue(v reflect.Value) string {
	values := valuesOf(v)
	if e, ok := v.Interface().(enumeration); ok {
		values = e.values()
	}
	if len(values) > 0 {
		return values[len(values)-1]
	}
	return "a <&> é"
}

// TestSDKErrors: a code the model has becomes the SDK's typed error, with the
// message and the request's id.
func TestSDKErrors(t *testing.T) {
	client := sdkClient(func(r *http.Request) (*http.Response, error) {
		e := CodeNoSuchDistribution.Errorf("The specified distribution does not exist.")
		return answer(e.Status, http.Header{"X-Amzn-Requestid": {"id-1"}}, e.Body(Version, "id-1"))
	})
	_, err := client.GetDistribution(context.Background(), &sdk.GetDistributionInput{Id: aws.String("E1")})
	var gone *types.NoSuchDistribution
	if !errors.As(err, &gone) || gone.ErrorMessage() != "The specified distribution does not exist." || !strings.Contains(err.Error(), "id-1") {
		t.Errorf("the SDK reads %v", err)
	}
}

// TestSDKCode: the operations that answer with code instead of XML.
func TestSDKCode(t *testing.T) {
	client := sdkClient(func(*http.Request) (*http.Response, error) {
		return answer(200, http.Header{"Etag": {"E1"}, "Content-Type": {"application/octet-stream"}}, []byte("function handler() {}"))
	})
	out, err := client.GetFunction(context.Background(), &sdk.GetFunctionInput{Name: aws.String("f")})
	if err != nil || string(out.FunctionCode) != "function handler() {}" {
		t.Errorf("%v, %v", out, err)
	}
}
