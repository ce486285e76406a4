package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Kind is a setting's type, in the words of Pulumi.yaml.
type Kind string

// The kinds of settings.
const (
	Text    Kind = "string"
	Integer Kind = "integer"
	Boolean Kind = "boolean"
	List    Kind = "array" // of strings
	Map     Kind = "object"
)

// Key declares one setting.
type Key struct {
	Name        string
	Kind        Kind
	Default     any    // nil: the stack has to say
	Expected    string // ends the sentence "expected …"
	Description string // one sentence, for whoever writes a stack file

	field func(*Settings) any // pointer to the field that the key sets
	set   func(into *Settings, raw string) error
}

// Required says whether a stack has to set the key.
func (k Key) Required() bool { return k.Default == nil }

// rawDefault is the default as Pulumi would hand it over.
func (k Key) rawDefault() string {
	if text, ok := k.Default.(string); ok {
		return text
	}
	raw, err := json.Marshal(k.Default)
	if err != nil {
		panic("setting " + k.Name + " has a default that is not data: " + err.Error())
	}
	return string(raw)
}

// declare completes a key: its setter parses strictly, then checks.
func declare[T any](key Key, parse func(raw string) (T, error), field func(*Settings) *T, valid func(T) bool) Key {
	key.field = func(s *Settings) any { return field(s) }
	key.set = func(into *Settings, raw string) error {
		value, err := parse(raw)
		if err != nil || (valid != nil && !valid(value)) {
			return fmt.Errorf("is %q: expected %s", raw, key.Expected)
		}
		*field(into) = value
		return nil
	}
	return key
}

func text(name string, fallback any, expected, description string, field func(*Settings) *string, valid func(string) bool) Key {
	return declare(Key{Name: name, Kind: Text, Default: fallback, Expected: expected, Description: description},
		func(raw string) (string, error) { return raw, nil }, field, valid)
}

// number declares a whole number between two bounds, both allowed.
func number(name string, fallback any, low, high int, description string, field func(*Settings) *int) Key {
	return declare(Key{
		Name: name, Kind: Integer, Default: fallback, Description: description,
		Expected: fmt.Sprintf("a whole number from %d to %d", low, high),
	}, strconv.Atoi, field, func(value int) bool { return value >= low && value <= high })
}

// flag declares a switch. Only true and false are values: anything else is an
// error, so that a typing mistake can never turn a protection off.
func flag(name string, fallback bool, description string, field func(*Settings) *bool) Key {
	return declare(Key{Name: name, Kind: Boolean, Default: fallback, Description: description, Expected: "true or false"},
		func(raw string) (bool, error) {
			if raw != "true" && raw != "false" {
				return false, errors.New("neither true nor false")
			}
			return raw == "true", nil
		}, field, nil)
}

func list(name string, fallback []string, expected, description string, field func(*Settings) *[]string, valid func(string) bool) Key {
	return declare(Key{Name: name, Kind: List, Default: fallback, Expected: "a list of " + expected, Description: description},
		func(raw string) ([]string, error) {
			var values []string
			err := json.Unmarshal([]byte(raw), &values)
			return values, err
		}, field, func(values []string) bool {
			seen := map[string]bool{}
			for _, value := range values {
				if seen[value] || !valid(value) {
					return false
				}
				seen[value] = true
			}
			return true
		})
}

func textMap(name, expected, description string, field func(*Settings) *map[string]string, valid func(key, value string) bool) Key {
	return declare(Key{Name: name, Kind: Map, Default: map[string]string{}, Expected: expected, Description: description},
		func(raw string) (map[string]string, error) {
			values := map[string]string{}
			err := json.Unmarshal([]byte(raw), &values)
			return values, err
		}, field, func(values map[string]string) bool {
			for key, value := range values {
				if !valid(key, value) {
					return false
				}
			}
			return true
		})
}

// Keys returns the table of all settings, in the order in which people read them.
func Keys() []Key { return append([]Key(nil), keys...) }
