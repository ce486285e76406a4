package target

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/drill/budget"
	"haven/drill/workload"
	"haven/infra/outputs"
)

// Environment is what is drilled.
type Environment struct {
	Outputs  outputs.Outputs
	Config   aws.Config // of the drill's own user, in the stack's Region; see Journaled
	Declared budget.Declared
	Nodes    []workload.Node // a way in for each zone
	Roots    *x509.CertPool  // nil: the system's
	Breaker  Breaker         // nil on AWS
	Program  Program
	Mailbox  Mailbox // nil where nobody can look into the alerts' receiver
	// Copies tells the state of each zone's copy of the files, "healthy" when it has all of them; nil on AWS, which shows nobody.
	Copies func(context.Context) (map[string]string, error)
}

// Lab tells whether the environment is a lab's.
func (e *Environment) Lab() bool { return e.Breaker != nil }

// Breakage is something that AWS has no call for.
type Breakage struct {
	Kind       string            // such as zone-power, disk, hang, blackhole, slow
	Target     string            // a zone, an instance's id, a database instance …
	Parameters map[string]string // such as process, direction, rate
	For        time.Duration     // it ends by itself after that, even when the drill was killed
}

// Breaker breaks what AWS has no call for. Implementations return from Break when the effect was seen.
type Breaker interface {
	Break(ctx context.Context, b Breakage) (id string, err error)
	// Heal ends a breakage; one that has ended already is no error.
	Heal(ctx context.Context, id string) error
	// InForce lists the ids of all breakages that hold.
	InForce(ctx context.Context) ([]string, error)
}

// Program is the Pulumi program that declares the environment.
type Program interface {
	// ExpectNoChanges previews the stack, after a refresh if asked for, and returns an error that wraps ErrChanges and
	// tells them when there are any.
	ExpectNoChanges(ctx context.Context, refresh bool) error
	// Up deploys the stack with settings changed, such as another version of the application; nil settings deploy what the
	// stack's own file declares. It returns Pulumi's last words with the error.
	Up(ctx context.Context, settings map[string]string) error
}

// ErrChanges says that the stack is not what its program declares.
var ErrChanges = errors.New("the preview is not empty")

// Alert is one message that a steward got.
type Alert struct {
	At      time.Time
	To      string // address
	Topic   string // ARN
	Subject string
	Text    string
}

// Mailbox is where alerts arrive.
type Mailbox interface {
	Since(ctx context.Context, at time.Time) ([]Alert, error)
}

// Site returns the environment for a workload of its own tenant.
func (e *Environment) Site(tenant string) workload.Site {
	return workload.Site{URL: e.Outputs.URL, Roots: e.Roots, Nodes: e.Nodes, Tenant: tenant, Timeout: 10 * time.Second}
}

// Zone returns what the stack has in a zone, by its name (us-east-1a).
func (e *Environment) Zone(name string) (outputs.Zone, error) {
	for _, zone := range e.Outputs.Network.Zones {
		if zone.Name == name {
			return zone, nil
		}
	}
	return outputs.Zone{}, fmt.Errorf("the stack has nothing in zone %s", name)
}
