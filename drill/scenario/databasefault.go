package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

func failedOver(s Stage) fault.Fault {
	return &call{choose: s.writer, inject: func(ctx context.Context, _ string) error { return s.failOver(ctx) }, active: s.otherWriter}
}

func (s Stage) failOver(ctx context.Context) error {
	_, err := rds.NewFromConfig(s.Config).FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &s.Outputs.Database.ClusterID})
	return err
}

// rebooted restarts the writer in place: without ForceFailover nobody takes its place.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html
func rebooted(s Stage) fault.Fault {
	client := rds.NewFromConfig(s.Config)
	return &call{
		choose: s.writer,
		inject: func(ctx context.Context, writer string) error {
			_, err := client.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &writer})
			return err
		},
		active: func(ctx context.Context, writer string) error {
			return target.Await(ctx, writer+" to restart", time.Minute, func(ctx context.Context) error {
				out, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &writer})
				if err == nil && aws.ToString(out.DBInstances[0].DBInstanceStatus) != "rebooting" {
					err = fmt.Errorf("it is %s", aws.ToString(out.DBInstances[0].DBInstanceStatus))
				}
				return err
			})
		},
		recovered: s.sameWriter,
	}
}

// sameWriter says that the writer is still the one before: a restart is no failover.
func (s Stage) sameWriter(ctx context.Context, before string) error {
	writer, _, err := s.Members(ctx)
	if err == nil && writer != before {
		err = check.Finding{Promise: check.ErrNotRecovered, Text: fmt.Sprintf("%s was restarted, and then %s was the writer", before, writer)}
	}
	return err
}

// writer is the name of the database's writer.
func (s Stage) writer(ctx context.Context) (string, error) {
	writer, _, err := s.Members(ctx)
	if err == nil && writer == "" {
		err = fmt.Errorf("the database cluster %s has no writer", s.Outputs.Database.ClusterID)
	}
	return writer, err
}

// aReader chooses one of the database's readers.
func aReader(ctx context.Context, s Stage) (string, error) {
	_, readers, err := s.Members(ctx)
	if err != nil {
		return "", err
	}
	return s.oneOf("reader", readers)
}

// promotionLimit is how long another writer is waited for; how long clients went without one is the budget's to judge.
const promotionLimit = 2 * time.Minute

// otherWriter waits until another member than the one given is the writer. That none is breaks a promise.
func (s Stage) otherWriter(ctx context.Context, before string) error {
	err := target.Await(ctx, "another writer than "+before, promotionLimit, func(ctx context.Context) error {
		writer, _, err := s.Members(ctx)
		if err == nil && (writer == before || writer == "") {
			err = fmt.Errorf("it is %q", writer)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		return check.Finding{Promise: check.ErrNotRecovered, Text: err.Error()}
	}
	return err
}

// lostWriter is a breakage that the writer is lost by: its effect is that there is another.
type lostWriter struct {
	breakage
	writer string
}

func (l *lostWriter) WaitActive(ctx context.Context) error { return l.stage.otherWriter(ctx, l.writer) }

// losesWriter breaks the writer itself.
func losesWriter(kind string, hold time.Duration) func(Stage) fault.Fault {
	return losesWriterBy(kind, hold, func(_ Stage, writer string) (string, error) { return writer, nil })
}

// losesWriterZone takes the power from the zone that the writer is in.
func losesWriterZone(hold time.Duration) func(Stage) fault.Fault {
	return losesWriterBy("zone-power", hold, Stage.zoneOfMember)
}

func losesWriterBy(kind string, hold time.Duration, victim func(s Stage, writer string) (string, error)) func(Stage) fault.Fault {
	return func(s Stage) fault.Fault {
		l := &lostWriter{breakage: breakage{stage: s, kind: kind, hold: hold}}
		l.choose = func(ctx context.Context) (_ string, err error) {
			if l.writer, err = s.writer(ctx); err != nil {
				return "", err
			}
			return victim(s, l.writer)
		}
		return l
	}
}

// zoneOfMember is the name of the zone that a member of the database was declared in.
func (s Stage) zoneOfMember(member string) (string, error) {
	for _, zone := range s.Outputs.Network.Zones {
		if s.Outputs.Database.Members[zone.Letter] == member {
			return zone.Name, nil
		}
	}
	return "", fmt.Errorf("the stack declares no database member %s", member)
}

// returnUndisturbed judges that nothing failed any more once the old writer was back: connections to it that clients had kept were
// noticed and replaced before, and it came back as a reader.
func returnUndisturbed(_ context.Context, _ Stage, h history.History) ([]check.Finding, error) {
	return check.Undisturbed(h, history.Healing, history.Injecting, ledger...), nil
}

// looksUndisturbed judges that what needs no database was answered all along.
func looksUndisturbed(_ context.Context, _ Stage, h history.History) ([]check.Finding, error) {
	return check.Undisturbed(h, history.Injecting, "", history.Look), nil
}
