package rest

import (
	"io"
	"net/http"
	"reflect"
	"strings"

	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
)

// Encode writes the members that go outside of the body, and returns the status.
func Encode(w http.ResponseWriter, operation *api.Operation, from reflect.Value) int {
	status := operation.Status()
	if operation.Output == nil {
		return status
	}
	for _, field := range operation.Output.Fields {
		value, ok := bind.Present(from.Field(field.Index))
		if !ok {
			continue
		}
		switch field.Ref.Location {
		case "header":
			w.Header().Set(field.Ref.LocationName, headerText(field, value))
		case "headers":
			for entries := value.MapRange(); entries.Next(); {
				w.Header().Set(field.Ref.LocationName+entries.Key().String(), entries.Value().String())
			}
		case "statusCode":
			if code := int(value.Int()); code != 0 {
				status = code
			}
		}
	}
	return status
}

func headerText(f *bind.Field, v reflect.Value) string {
	if f.Kind != bind.List {
		return f.Text(v, bind.RFC822)
	}
	var parts []string
	for i := range v.Len() {
		if value, ok := bind.Present(v.Index(i)); ok {
			parts = append(parts, f.Elem.Text(value, bind.RFC822))
		}
	}
	return strings.Join(parts, ", ")
}

// Raw writes a payload that is bytes, text or a stream as it is, and reports whether it was one.
func Raw(w http.ResponseWriter, status int, payload *bind.Field, from reflect.Value) (bool, error) {
	if payload == nil || payload.Kind != bind.Stream && payload.Kind != bind.Blob && payload.Kind != bind.String {
		return false, nil
	}
	value, ok := bind.Present(from.Field(payload.Index))
	if !ok {
		w.WriteHeader(status)
		return true, nil
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	switch payload.Kind {
	case bind.Stream:
		reader := value.Interface().(io.Reader)
		if closer, ok := reader.(io.Closer); ok {
			defer closer.Close()
		}
		w.WriteHeader(status)
		_, err := io.Copy(w, reader)
		return true, err
	case bind.Blob:
		api.Write(w, status, w.Header().Get("Content-Type"), value.Bytes())
	default:
		api.Write(w, status, w.Header().Get("Content-Type"), []byte(value.String()))
	}
	return true, nil
}

// SetPayload reads a body that is bytes, text or a stream as it is, and reports whether it was one.
func SetPayload(r *api.Request, payload *bind.Field, into reflect.Value) bool {
	if payload == nil {
		return false
	}
	field := into.Field(payload.Index)
	switch payload.Kind {
	case bind.Stream:
		field.Set(reflect.ValueOf(r.Stream))
	case bind.Blob:
		field.SetBytes(r.Body)
	case bind.String:
		if len(r.Body) > 0 {
			bind.Settle(field).SetString(string(r.Body))
		}
	default:
		return false
	}
	return true
}
