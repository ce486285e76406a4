package bind

import (
	"reflect"
	"time"
)

// Present returns the value that a field of a struct, or an element, holds, without its pointer. Nil pointers,
// slices, maps and readers, and empty enumerations, are absent; bare numbers and booleans are always there.
func Present(v reflect.Value) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	case reflect.Slice, reflect.Map, reflect.Interface:
		return v, !v.IsNil()
	case reflect.String:
		return v, v.Len() > 0
	}
	return v, true
}

// Settle makes room for a value: for a pointer a new one, which is returned without the pointer.
func Settle(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return v.Elem()
}

// Time returns the time that a value holds.
func Time(v reflect.Value) time.Time { return v.Interface().(time.Time) }
