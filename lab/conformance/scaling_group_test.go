package conformance_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// scalingLimit bounds how long a group may take on a busy machine.
const scalingLimit = 3 * time.Minute

// group is an Auto Scaling group of a test.
type group struct {
	*world.Network
	t        *testing.T
	name     string
	template string // the launch template's id
}

// newGroup makes a launch template and a group over the network's zones, without grace period and warm-up; it goes
// with the test.
func newGroup(t *testing.T, n *world.Network, size int32, edit ...func(*autoscaling.CreateAutoScalingGroupInput)) *group {
	t.Helper()
	g := &group{Network: n, t: t, name: fmt.Sprintf("group-%d-%d", n.Number, time.Now().UnixNano()%1e9)}
	template, err := n.World.EC2.CreateLaunchTemplate(context.Background(), &ec2.CreateLaunchTemplateInput{LaunchTemplateName: &g.name, LaunchTemplateData: g.data("first")})
	require.NoError(t, err)
	g.template = *template.LaunchTemplate.LaunchTemplateId
	in := &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &g.name, MinSize: aws.Int32(0), MaxSize: aws.Int32(6), DesiredCapacity: &size, DefaultInstanceWarmup: aws.Int32(0), HealthCheckGracePeriod: aws.Int32(0),
		LaunchTemplate:    &types.LaunchTemplateSpecification{LaunchTemplateId: &g.template, Version: aws.String("1")},
		VPCZoneIdentifier: aws.String(strings.Join(slices.Sorted(maps.Values(n.Subnets)), ",")),
	}
	for _, apply := range edit {
		apply(in)
	}
	t.Cleanup(g.remove)
	_, err = n.World.AutoScaling.CreateAutoScalingGroup(context.Background(), in)
	require.NoError(t, err)
	return g
}

// data is a version of the launch template: a web server, told apart by a word.
func (g *group) data(version string) *ec2types.RequestLaunchTemplateData {
	return &ec2types.RequestLaunchTemplateData{
		ImageId: aws.String(world.Image), InstanceType: ec2types.InstanceTypeT3Micro, Monitoring: &ec2types.LaunchTemplatesMonitoringRequest{Enabled: aws.Bool(true)},
		UserData:          aws.String(base64.StdEncoding.EncodeToString([]byte(g.World.WebServer(80) + "# " + version + "\n"))),
		NetworkInterfaces: []ec2types.LaunchTemplateInstanceNetworkInterfaceSpecificationRequest{{DeviceIndex: aws.Int32(0), Groups: []string{g.Open}, AssociatePublicIpAddress: aws.Bool(true)}},
	}
}

func (g *group) remove() {
	ctx := context.Background()
	_, _ = g.World.AutoScaling.DeleteAutoScalingGroup(ctx, &autoscaling.DeleteAutoScalingGroupInput{AutoScalingGroupName: &g.name, ForceDelete: aws.Bool(true)}) // the test may have
	world.Wait(g.t, "group "+g.name+" to go", scalingLimit, func() error {
		out, err := g.World.AutoScaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{g.name}})
		if err == nil && len(out.AutoScalingGroups) > 0 {
			err = fmt.Errorf("it has %d instances", len(out.AutoScalingGroups[0].Instances))
		}
		return err
	})
}

func (g *group) describe() types.AutoScalingGroup {
	g.t.Helper()
	out, err := g.World.AutoScaling.DescribeAutoScalingGroups(context.Background(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{g.name}})
	require.NoError(g.t, err)
	require.Len(g.t, out.AutoScalingGroups, 1)
	return out.AutoScalingGroups[0]
}

// serving are the ids of the healthy instances in service, by their zones' letters.
func (g *group) serving() map[string][]string {
	g.t.Helper()
	byZone := map[string][]string{}
	for _, i := range g.describe().Instances {
		if i.LifecycleState == types.LifecycleStateInService && *i.HealthStatus == "Healthy" {
			letter := strings.TrimPrefix(*i.AvailabilityZone, world.Region)
			byZone[letter] = append(byZone[letter], *i.InstanceId)
		}
	}
	return byZone
}

func (g *group) ids() []string { return slices.Concat(slices.Collect(maps.Values(g.serving()))...) }

// await waits until as many instances serve in each zone as told, and none is on its way in or out.
func (g *group) await(what string, want map[string]int) {
	g.t.Helper()
	world.Wait(g.t, what, scalingLimit, func() error {
		have := map[string]int{}
		for zone, ids := range g.serving() {
			have[zone] = len(ids)
		}
		if all := len(g.describe().Instances); !maps.Equal(have, want) || all != len(g.ids()) {
			return fmt.Errorf("in service are %v of %d instances, wanted are %v", have, all, want)
		}
		return nil
	})
}

// size waits until so many instances serve, and none else is there.
func (g *group) size(what string, want int) {
	g.t.Helper()
	world.Wait(g.t, what, scalingLimit, func() error {
		if all, serving := len(g.describe().Instances), len(g.ids()); all != want || serving != want {
			return fmt.Errorf("%d of %d instances serve, wanted are %d", serving, all, want)
		}
		return nil
	})
}

// activity waits for an activity whose description begins with one text and whose cause contains another.
func (g *group) activity(description, cause string) (found types.Activity) {
	g.t.Helper()
	world.Wait(g.t, fmt.Sprintf("an activity %q because of %q", description, cause), scalingLimit, func() error {
		out, err := g.World.AutoScaling.DescribeScalingActivities(context.Background(), &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &g.name})
		if err != nil {
			return err
		}
		var told []string
		for _, a := range out.Activities {
			if strings.HasPrefix(*a.Description, description) && strings.Contains(*a.Cause, cause) {
				found = a
				return nil
			}
			told = append(told, *a.Description+" ("+*a.Cause+")")
		}
		return fmt.Errorf("there are %q", told)
	})
	return found
}

// kill ends an instance's first process as a power cut of that instance would.
func kill(t *testing.T, w *world.World, id string) {
	t.Helper()
	w.MustShell(t, id, "touch /run/"+id)
	marked, err := filepath.Glob("/proc/[0-9]*/root/run/" + id)
	require.NoError(t, err)
	for _, path := range marked {
		number := strings.Split(path, "/")[2]
		status, err := os.ReadFile("/proc/" + number + "/status")
		if err != nil || !strings.Contains(string(status), "\t1\nNSpgid:") {
			continue // it ended, or is not the first of its namespace
		}
		pid, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		return
	}
	t.Fatalf("no first process of %s among %v", id, marked)
}
