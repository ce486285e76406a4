// Package recording runs a Pulumi program against a recorder instead of a cloud.
//
// It is for tests. The recorder copies what a program asks for and answers with
// made-up identifiers and attributes; when the program has ended, the test looks
// at the recording. What such a test proves is what we ask for, in which order
// and under which options; it does not prove that AWS would accept it.
package recording

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Region and Account are where recorded programs believe they are.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// Options says how a program is run.
type Options struct {
	Config  map[string]string // full keys
	Secrets []string          // full keys whose values are secret
	Preview bool              // identifiers and attributes stay unknown
	Fail    string            // type token whose registration fails
	Stack   string            // "test" unless set
}

// Resource is one registration.
type Resource struct {
	Type          string
	Name          string
	Component     bool // has no provider: only groups others
	Inputs        resource.PropertyMap
	Parent        string // URN
	Provider      string
	Protect       bool
	Retain        bool
	DependsOn     []string // URNs
	IgnoreChanges []string
}

// parentType is the type token of the resource that this one is under.
func (r Resource) parentType() string {
	if !urn.URN(r.Parent).IsValid() {
		return ""
	}
	return string(urn.URN(r.Parent).Type())
}

// Recording is everything that a program asked for.
type Recording struct {
	mu        sync.Mutex
	options   Options
	resources []Resource
	completed int    // registrations of outputs
	region    string // of the provider that was registered last
}

// ErrInjected is what a resource of the type Options.Fail answers.
var ErrInjected = errors.New("injected by the recorder")

// Run runs a program to its end. The recording is valid even when the program
// failed.
func Run(options Options, body pulumi.RunFunc) (*Recording, error) {
	if options.Stack == "" {
		options.Stack = "test"
	}
	recording := &Recording{options: options, region: Region}
	err := pulumi.RunErr(body, pulumi.WithMocks("haven", options.Stack, recording), func(info *pulumi.RunInfo) {
		info.DryRun = options.Preview
		info.Config = options.Config
		info.ConfigSecretKeys = options.Secrets
	})
	return recording, err
}

// NewResource records a registration; Pulumi calls it.
func (r *Recording) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if args.TypeToken == r.options.Fail {
		return "", nil, fmt.Errorf("%s %s: %w", args.TypeToken, args.Name, ErrInjected)
	}
	record := Resource{
		Type: args.TypeToken, Name: args.Name, Component: !args.Custom, Inputs: maps.Clone(args.Inputs), Provider: args.Provider,
	}
	if rpc := args.RegisterRPC; rpc != nil {
		record.Parent, record.DependsOn, record.IgnoreChanges = rpc.GetParent(), rpc.GetDependencies(), rpc.GetIgnoreChanges()
		record.Protect, record.Retain = rpc.GetProtect(), rpc.GetRetainOnDelete()
	}
	r.resources = append(r.resources, record)
	if region, given := record.Value("region").(string); given && args.TypeToken == "pulumi:providers:aws" {
		r.region = region
	}
	if r.options.Preview && args.Custom && !strings.HasPrefix(args.TypeToken, "pulumi:") {
		return "", known(args.Inputs), nil
	}
	return args.Name, answered(args.TypeToken, args.Name, r.region, args.Inputs), nil
}

// Call refuses every look-up: the program is not supposed to make any, as what
// it would find may change while nothing in the stack has.
func (r *Recording) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, fmt.Errorf("%s: the recorder answers no look-ups", args.Token)
}

// RegisterResourceOutputs counts; Pulumi calls it once for each component and once for
// the stack.
func (r *Recording) RegisterResourceOutputs() (*emptypb.Empty, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.completed++
	return &emptypb.Empty{}, nil
}

// Completed is how many components, and the stack, registered their outputs.
func (r *Recording) Completed() int { return r.completed }

// All returns every registration but the providers'.
func (r *Recording) All() []Resource {
	var out []Resource
	for _, resource := range r.resources {
		if !strings.HasPrefix(resource.Type, "pulumi:") {
			out = append(out, resource)
		}
	}
	return out
}

// Of returns the registrations of a type by logical name.
func (r *Recording) Of(typ string) map[string]Resource {
	out := map[string]Resource{}
	for _, resource := range r.resources {
		if resource.Type == typ {
			out[resource.Name] = resource
		}
	}
	return out
}

// Types counts the registrations by type, without providers.
func (r *Recording) Types() map[string]int {
	counts := map[string]int{}
	for _, resource := range r.All() {
		counts[resource.Type]++
	}
	return counts
}
