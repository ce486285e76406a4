package rest

import (
	"maps"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/fault"
)

// Decode reads the members that travel outside of the body.
func Decode(r *api.Request, match api.Match, operation *api.Operation, into reflect.Value) error {
	others := unnamed(r, operation)
	if node := operation.Input; node != nil {
		for _, field := range node.Fields {
			if field.Ref.Location == "querystring" && field.Kind == bind.Map {
				setMap(field, into.Field(field.Index), others)
				others = nil
			}
			if err := decodeMember(r, match, field, into.Field(field.Index)); err != nil {
				return err
			}
		}
	}
	for name := range others {
		return fault.Newf(fault.UnknownParameter, "%s has no query parameter %s, as far as the lab knows.", operation.Name, name)
	}
	return nil
}

// unnamed returns the query parameters that neither a member nor the route names.
func unnamed(r *api.Request, operation *api.Operation) url.Values {
	others := maps.Clone(r.Query)
	delete(others, "x-id") // which newer clients send to tell operations of one route apart
	_, literal, _ := strings.Cut(operation.HTTP.RequestURI, "?")
	for pair := range strings.SplitSeq(literal, "&") {
		name, _, _ := strings.Cut(pair, "=")
		delete(others, name)
	}
	if operation.Input == nil {
		return others
	}
	for _, field := range operation.Input.Fields {
		if field.Ref.Location == "querystring" && field.Kind != bind.Map {
			delete(others, field.Ref.LocationName)
		}
	}
	return others
}

// setMap gives a map the parameters that nothing else names, as text or as lists of text.
func setMap(f *bind.Field, v reflect.Value, others url.Values) {
	v.Set(reflect.MakeMapWithSize(v.Type(), len(others)))
	for name, values := range others {
		element := reflect.ValueOf(values[0])
		if f.Elem.Kind == bind.List {
			element = reflect.ValueOf(values)
		}
		v.SetMapIndex(reflect.ValueOf(name), element.Convert(v.Type().Elem()))
	}
}

func decodeMember(r *api.Request, match api.Match, f *bind.Field, v reflect.Value) error {
	switch f.Ref.Location {
	case "uri":
		return set(f, v, match.Labels[f.Ref.LocationName], bind.ISO8601)
	case "querystring":
		return decodeQuery(r, f, v)
	case "header":
		return decodeHeader(r, f, v)
	case "headers":
		return decodePrefixed(r, f, v)
	}
	return nil
}

func set(f *bind.Field, v reflect.Value, text, timeFormat string) error {
	if !f.SetText(bind.Settle(v), text, timeFormat) {
		return bind.WrongKind(f.Member, f)
	}
	return nil
}

func decodeQuery(r *api.Request, f *bind.Field, v reflect.Value) error {
	given, ok := r.Query[f.Ref.LocationName]
	if !ok || f.Kind == bind.Map {
		return nil
	}
	if f.Kind != bind.List {
		return set(f, v, given[0], bind.ISO8601)
	}
	return setList(f, v, given, bind.ISO8601)
}

func setList(f *bind.Field, v reflect.Value, given []string, timeFormat string) error {
	v.Set(reflect.MakeSlice(v.Type(), len(given), len(given)))
	for i, text := range given {
		if err := set(f.Elem, v.Index(i), text, timeFormat); err != nil {
			return err
		}
	}
	return nil
}

func decodeHeader(r *api.Request, f *bind.Field, v reflect.Value) error {
	given, ok := header(r, f.Ref.LocationName)
	if !ok {
		return nil
	}
	if f.Kind != bind.List {
		return set(f, v, given, bind.RFC822)
	}
	parts := strings.Split(given, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return setList(f, v, parts, bind.RFC822)
}

// header returns a header as the client meant it, before the body was cut into chunks.
func header(r *api.Request, name string) (string, bool) {
	switch strings.ToLower(name) {
	case "content-length":
		if decoded := r.Header.Get("X-Amz-Decoded-Content-Length"); decoded != "" {
			return decoded, true
		}
		return strconv.FormatInt(r.ContentLength, 10), r.ContentLength >= 0
	case "content-encoding":
		var kept []string
		for part := range strings.SplitSeq(r.Header.Get(name), ",") {
			if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
				kept = append(kept, part)
			}
		}
		return strings.Join(kept, ","), len(kept) > 0
	}
	values := r.Header.Values(name)
	return strings.Join(values, ","), len(values) > 0
}

// decodePrefixed reads headers of one prefix into a map, as S3 has its objects' metadata.
func decodePrefixed(r *api.Request, f *bind.Field, v reflect.Value) error {
	prefix := strings.ToLower(f.Ref.LocationName)
	for name, values := range r.Header {
		key, ok := strings.CutPrefix(strings.ToLower(name), prefix)
		if !ok {
			continue
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), reflect.ValueOf(strings.Join(values, ",")).Convert(v.Type().Elem()))
	}
	return nil
}
