package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/drill/budget"
	"haven/drill/fault"
	"haven/drill/target"
)

func web() []Scenario {
	return []Scenario{
		{
			Name: "failover/web/terminate", Does: "a web server is terminated; the others take its requests, and another is started in its place",
			Promises: []string{"HA-04", "HA-10"}, Times: 2, Budget: budget.ServerLost, Errors: 0.02, Whole: 3 * time.Minute,
			Needs: []string{"ec2:TerminateInstances"}, Fault: terminated,
		},
	}
}

func terminated(s Stage) fault.Fault {
	return &call{
		choose: s.server,
		inject: func(ctx context.Context, id string) error {
			_, err := ec2.NewFromConfig(s.Config).TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
			return err
		},
		active: s.outOfService,
	}
}

// server chooses a web server that serves.
func (s Stage) server(ctx context.Context) (string, error) {
	states, err := s.Targets(ctx)
	if err != nil {
		return "", err
	}
	var healthy []string
	for id, state := range states {
		if state == elbtypes.TargetHealthStateEnumHealthy {
			healthy = append(healthy, id)
		}
	}
	return s.oneOf("healthy server", healthy)
}

// outOfService waits until a server is not healthy any more, or gone.
func (s Stage) outOfService(ctx context.Context, id string) error {
	return target.Await(ctx, id+" to be out of service", 2*time.Minute, func(ctx context.Context) error {
		states, err := s.Targets(ctx)
		if err != nil {
			return err
		}
		if state, known := states[id]; known && state == elbtypes.TargetHealthStateEnumHealthy {
			return fmt.Errorf("it is %s", state)
		}
		s.Mark("out of service", id)
		return nil
	})
}
