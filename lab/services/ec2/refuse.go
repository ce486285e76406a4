package ec2

import (
	"reflect"

	"haven/lab/cloud"
)

// refuse returns a loud error for the first parameter that is given but that the lab does not honour. Arguments are
// pairs of a name and a value. A value that is its type's zero, or points to one, asks for nothing: clients send
// "false" for what they do not want.
func refuse(pairs ...any) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if asks(reflect.ValueOf(pairs[i+1])) {
			return cloud.Unsupportedf("UnsupportedOperation", "the parameter %s", pairs[i])
		}
	}
	return nil
}

func asks(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Invalid:
		return false
	case reflect.Pointer:
		return !value.IsNil() && asks(value.Elem())
	case reflect.Slice, reflect.Map:
		return value.Len() > 0
	case reflect.Struct:
		for i := range value.NumField() {
			if value.Type().Field(i).IsExported() && asks(value.Field(i)) {
				return true
			}
		}
		return false
	default:
		return !value.IsZero()
	}
}

// refuseBeyond walks a structure and refuses the first member that asks for something and is not among the honoured
// paths, such as "NetworkInterfaces.Groups" (a list's index is left out; a path honours all below it).
func refuseBeyond(honoured map[string]bool, value any) error {
	return walk(honoured, "", reflect.ValueOf(value))
}

func walk(honoured map[string]bool, path string, value reflect.Value) error {
	switch {
	case honoured[path] || !asks(value):
		return nil
	case value.Kind() == reflect.Pointer:
		return walk(honoured, path, value.Elem())
	case value.Kind() == reflect.Slice:
		for i := range value.Len() {
			if err := walk(honoured, path, value.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case value.Kind() == reflect.Struct:
		return walkFields(honoured, path, value)
	}
	return cloud.Unsupportedf("UnsupportedOperation", "the parameter %s", path)
}

func walkFields(honoured map[string]bool, path string, value reflect.Value) error {
	if path != "" {
		path += "."
	}
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if err := walk(honoured, path+field.Name, value.Field(i)); err != nil {
			return err
		}
	}
	return nil
}
