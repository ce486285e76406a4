package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// lasting is how long a fault of the lab holds.
const lasting = 20 * time.Second

// fault is something that can be broken, made for the environment as it is at the moment.
type fault struct {
	name   string
	inject func(ctx context.Context, random *rand.Rand) (what string, err error)
}

// faults are what the soak chooses from: through AWS's API where it has a call, by the lab where it has none.
func (e *environment) faults() []fault {
	return []fault{
		{"instance terminated", e.terminate},
		{"database failover", e.failover},
		{"database member restarted", e.restart},
		{"zone without power", e.inZone("zone-power")},
		{"disk lost", e.inZone("disk")},
		{"balancer node lost", e.inZone("balancer-node")},
		{"firewall endpoint lost", e.inZone("firewall-endpoint")},
		{"server hangs", e.atServer("hang")},
		{"application hangs", e.atServer("hang", "--process", "haven-app")},
		{"server without network", e.atServer("blackhole")},
		{"server deaf", e.atServer("blackhole", "--direction", "in")},
		{"server mute", e.atServer("blackhole", "--direction", "out")},
		{"server slow", e.atServer("slow", "--rate", "256kbit")},
		{"database member hangs", e.atMember("hang")},
		{"database member without network", e.atMember("blackhole")},
	}
}

func (e *environment) terminate(ctx context.Context, random *rand.Rand) (string, error) {
	s, err := e.status()
	if err != nil || len(s.Servers) == 0 {
		return "", fmt.Errorf("choosing a server: there are %d: %w", len(s.Servers), err)
	}
	id := s.Servers[random.IntN(len(s.Servers))].ID
	_, err = ec2.NewFromConfig(e.config).TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	return id, err
}

func (e *environment) failover(ctx context.Context, _ *rand.Rand) (string, error) {
	_, err := rds.NewFromConfig(e.config).FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &e.cluster})
	return e.cluster, err
}

func (e *environment) restart(ctx context.Context, random *rand.Rand) (string, error) {
	id, err := e.member(random)
	if err != nil {
		return "", err
	}
	_, err = rds.NewFromConfig(e.config).RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String(id)})
	return id, err
}

func (e *environment) member(random *rand.Rand) (string, error) {
	s, err := e.status()
	if err != nil || len(s.Database.Members) == 0 {
		return "", fmt.Errorf("choosing a database member: there are %d: %w", len(s.Database.Members), err)
	}
	return s.Database.Members[random.IntN(len(s.Database.Members))].ID, nil
}

func (e *environment) inZone(kind string) func(context.Context, *rand.Rand) (string, error) {
	return func(ctx context.Context, random *rand.Rand) (string, error) {
		return e.broken(ctx, kind, e.zones[random.IntN(len(e.zones))])
	}
}

func (e *environment) atServer(kind string, flags ...string) func(context.Context, *rand.Rand) (string, error) {
	return func(ctx context.Context, random *rand.Rand) (string, error) {
		s, err := e.status()
		if err != nil || len(s.Servers) == 0 {
			return "", fmt.Errorf("choosing a server: there are %d: %w", len(s.Servers), err)
		}
		return e.broken(ctx, kind, s.Servers[random.IntN(len(s.Servers))].ID, flags...)
	}
}

func (e *environment) atMember(kind string) func(context.Context, *rand.Rand) (string, error) {
	return func(ctx context.Context, random *rand.Rand) (string, error) {
		id, err := e.member(random)
		if err != nil {
			return "", err
		}
		return e.broken(ctx, kind, id)
	}
}

// broken has the lab break something for a while, and returns when the effect was seen.
func (e *environment) broken(ctx context.Context, kind, target string, flags ...string) (string, error) {
	arguments := append([]string{"lab", "fault", kind, target, "--for", lasting.String()}, flags...)
	_, err := e.haven(ctx, arguments...)
	return strings.Join(slices.Concat([]string{target}, flags), " "), err
}
