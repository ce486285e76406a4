package model

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"
)

//go:embed *.json
var files embed.FS

var loaded sync.Map // name -> func() (*Service, error)

// Load returns the trimmed model of a service, by the name of its package in aws-sdk-go-v2. Each model is read once,
// when it is first asked for, and shared: callers must not change it.
func Load(name string) (*Service, error) {
	once, _ := loaded.LoadOrStore(name, sync.OnceValues(func() (*Service, error) { return read(name) }))
	return once.(func() (*Service, error))()
}

func read(name string) (*Service, error) {
	raw, err := files.ReadFile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading the API model of %s: there is none; type: go generate ./lab/model", name)
	}
	return Decode(raw)
}

// Decode reads a trimmed model.
func Decode(raw []byte) (*Service, error) {
	service := new(Service)
	if err := json.Unmarshal(raw, service); err != nil {
		return nil, fmt.Errorf("reading an API model: %w", err)
	}
	return service, nil
}
