package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// effects is how long it took from an API call's beginning to its effect, round by round.
type effects []time.Duration

// report tells the benchmark's median and 99th percentile, in milliseconds.
func (e effects) report(b *testing.B) {
	slices.Sort(e)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(e[len(e)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(e[len(e)*99/100].Microseconds())/1000, "p99-ms")
}

// watch runs a command on an instance again and again until it succeeds, and returns when that was: instance and test
// have the same clock.
func watch(b *testing.B, w *world.World, id, command string) <-chan time.Time {
	succeeded := make(chan time.Time, 1)
	go func() {
		output, _ := w.Shell(b, id, fmt.Sprintf("for i in $(seq 2000); do if %s; then date +%%s%%N; break; fi; done", command))
		nanoseconds, _ := strconv.ParseInt(output[:max(0, len(output)-1)], 10, 64)
		succeeded <- time.Unix(0, nanoseconds)
	}()
	time.Sleep(200 * time.Millisecond) // the watch is at work
	return succeeded
}

// BenchmarkSecurityGroupRule is how long an allowed port takes to let a client through.
func BenchmarkSecurityGroupRule(b *testing.B) {
	w := world.Open(b)
	n := w.Network(b, "a", "b")
	closed := n.SecurityGroup(b, "tcp 22 22 10.0.0.0/8")
	server := n.Instance(b, world.Instance{Zone: "a", UserData: w.WebServer(80), Groups: []string{closed}})
	client := n.Instance(b, world.Instance{Zone: "b"})
	rule := []ec2types.IpPermission{world.Permission(b, "tcp 80 80 0.0.0.0/0")}
	ctx, took := context.Background(), effects{}
	for b.Loop() {
		seen := watch(b, w, client, "curl -s -o /dev/null --connect-timeout 0.05 -m 1 http://"+w.Address(b, server)+"/")
		begun := time.Now()
		_, err := w.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &closed, IpPermissions: rule})
		require.NoError(b, err)
		took = append(took, (<-seen).Sub(begun))
		_, err = w.EC2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &closed, IpPermissions: rule})
		require.NoError(b, err)
	}
	took.report(b)
}

// BenchmarkRegisteredTarget is how long a registered target takes to be healthy: its first health check decides.
func BenchmarkRegisteredTarget(b *testing.B) {
	w := world.Open(b)
	n := w.Network(b, "a", "b")
	id := n.Instance(b, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	balancer := n.Balancer(b)
	balancer.Register(b, id)
	balancer.AwaitHealth(b, id, elbtypes.TargetHealthStateEnumHealthy)
	_, err := w.ELB.ModifyTargetGroupAttributes(context.Background(), &elasticloadbalancingv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &balancer.Group, Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}},
	})
	require.NoError(b, err)
	took := effects{}
	for b.Loop() {
		_, err := w.ELB.DeregisterTargets(context.Background(), &elasticloadbalancingv2.DeregisterTargetsInput{TargetGroupArn: &balancer.Group, Targets: []elbtypes.TargetDescription{{Id: &id}}})
		require.NoError(b, err)
		world.Wait(b, "the target to leave", time.Minute, func() error {
			health, err := balancer.Health()
			if err == nil && len(health) > 0 {
				err = fmt.Errorf("it is %s", health[id].State)
			}
			return err
		})
		begun := time.Now()
		balancer.Register(b, id)
		balancer.AwaitHealth(b, id, elbtypes.TargetHealthStateEnumHealthy)
		took = append(took, time.Since(begun))
	}
	took.report(b)
}

// BenchmarkRecord is how long a changed record takes to be answered inside a VPC.
func BenchmarkRecord(b *testing.B) {
	w := world.Open(b)
	n := w.Network(b, "a")
	client := n.Instance(b, world.Instance{Zone: "a"})
	zones, ctx := route53.NewFromConfig(w.Config), context.Background()
	zone, err := zones.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{
		Name: aws.String("effect.test"), CallerReference: aws.String(n.ID), VPC: &types.VPC{VPCId: &n.ID, VPCRegion: types.VPCRegion(world.Region)},
	})
	require.NoError(b, err)
	took := effects{}
	for round := 0; b.Loop(); round++ {
		name := fmt.Sprintf("r%d.effect.test", round)
		seen := watch(b, w, client, "getent hosts "+name+" >/dev/null")
		begun := time.Now()
		_, err := zones.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: zone.HostedZone.Id, ChangeBatch: &types.ChangeBatch{Changes: []types.Change{{
			Action: types.ChangeActionUpsert, ResourceRecordSet: &types.ResourceRecordSet{
				Name: &name, Type: types.RRTypeA, TTL: aws.Int64(1), ResourceRecords: []types.ResourceRecord{{Value: aws.String("10.0.0.1")}},
			},
		}}}})
		require.NoError(b, err)
		took = append(took, (<-seen).Sub(begun))
	}
	took.report(b)
}
