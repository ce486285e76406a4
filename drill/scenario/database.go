package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/drill/budget"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

func database() []Scenario {
	return []Scenario{
		{
			Name: "failover/database/forced-failover", Does: "the database is told to fail over; a reader becomes the writer and the old writer a reader",
			Promises: []string{"HA-06", "HA-11"}, Times: 5, Budget: budget.ForcedFailover, Kinds: []history.Kind{history.Append, history.List}, Errors: 0.5, Whole: 2 * time.Minute,
			Needs: []string{"rds:FailoverDBCluster"}, Fault: failedOver,
		},
	}
}

func failedOver(s Stage) fault.Fault {
	return &call{
		choose: func(ctx context.Context) (string, error) {
			writer, _, err := s.Members(ctx)
			return writer, err
		},
		inject: func(ctx context.Context, _ string) error {
			_, err := rds.NewFromConfig(s.Config).FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &s.Outputs.Database.ClusterID})
			return err
		},
		active: s.otherWriter,
	}
}

// otherWriter waits until another member than the one given is the writer.
func (s Stage) otherWriter(ctx context.Context, before string) error {
	return target.Await(ctx, "another writer than "+before, 2*time.Minute, func(ctx context.Context) error {
		writer, _, err := s.Members(ctx)
		if err == nil && (writer == before || writer == "") {
			err = fmt.Errorf("it is %q", writer)
		}
		return err
	})
}
