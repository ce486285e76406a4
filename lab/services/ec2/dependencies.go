package ec2

import (
	"context"

	"haven/lab/cloud"
	"haven/lab/realm/host"
	"haven/lab/realm/machine"
	"haven/lab/realm/vpc"
)

// Profiles knows instance profiles; the iam service implements it.
type Profiles interface {
	// RoleOfProfile returns the role in a profile that is named by its name or ARN. Its error is an API error.
	RoleOfProfile(tx *cloud.Tx, nameOrARN string) (roleName, profileARN string, err error)
	// Credentials returns fresh credentials of the role for a session, which for an instance is its id.
	Credentials(ctx context.Context, role, session string) (machine.Credentials, error)
}

// Parameters knows SSM parameters; the ssm service implements it.
type Parameters interface {
	// Parameter returns a parameter's value. Its error is an API error.
	Parameter(tx *cloud.Tx, region, name string) (string, error)
}

// Firewalls knows what firewall endpoints do; the networkfirewall service implements it.
type Firewalls interface {
	// FirewallPolicy returns what the endpoint (vpce-…) does with what crosses it; nil lets everything through.
	FirewallPolicy(tx *cloud.Tx, region, endpointID string) (*vpc.FirewallPolicy, error)
}

// Logs keeps lines in a CloudWatch log group; the cloudwatchlogs service implements it.
type Logs interface {
	Put(ctx context.Context, region, group, stream string, lines []string) error
}

// Networks makes the declared network true.
type Networks interface {
	Apply(ctx context.Context, spec vpc.Spec) error
	// Namespace returns the namespace behind an interface once it is there.
	Namespace(interfaceID string) (*host.Namespace, bool)
}

// Machines runs instances.
type Machines interface {
	Start(ctx context.Context, spec machine.Spec) error
	Stop(ctx context.Context, id string, force bool) error
	Reboot(ctx context.Context, id string) error
	Delete(ctx context.Context, id string, force bool) error
	// PowerOff takes a machine's power.
	PowerOff(ctx context.Context, id string) error
	// Usage measures a running machine; ok is false when there is nothing to measure.
	Usage(id string) (usage machine.Usage, ok bool)
	// RunScript has a machine's agent run a script.
	RunScript(ctx context.Context, id string, script machine.Script) (machine.ScriptResult, error)
	Observe() []machine.Observation
	Changed() <-chan struct{}
	Console(id string) []byte
	// Prune removes what is kept of machines that are not among ids.
	Prune(ctx context.Context, ids []string) error
}
