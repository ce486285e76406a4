package conformance_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

const upTo = 2 * time.Minute // for anything of an instance on a busy machine

// consoleOf is what GetConsoleOutput shows of an instance.
func consoleOf(t testing.TB, w *world.World, id string) string {
	t.Helper()
	out, err := w.EC2.GetConsoleOutput(context.Background(), &ec2.GetConsoleOutputInput{InstanceId: &id})
	require.NoError(t, err)
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
	require.NoError(t, err)
	return string(text)
}

// consoleSays waits until an instance's console has all of some texts.
func consoleSays(t *testing.T, w *world.World, id string, texts ...string) string {
	t.Helper()
	var last string
	world.Wait(t, fmt.Sprintf("the console of %s to say %q", id, texts), upTo, func() error {
		last = consoleOf(t, w, id)
		for _, text := range texts {
			if !strings.Contains(last, text) {
				return fmt.Errorf("it has no %q: …%s", text, last[max(0, len(last)-2000):])
			}
		}
		return nil
	})
	return last
}

// awaitChecks waits until an instance's two status checks are as they should be.
func awaitChecks(t *testing.T, w *world.World, id string, system, instance types.SummaryStatus) {
	t.Helper()
	world.Wait(t, fmt.Sprintf("the checks of %s to be %s and %s", id, system, instance), upTo, func() error {
		out, err := w.EC2.DescribeInstanceStatus(context.Background(), &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}})
		if err != nil || len(out.InstanceStatuses) == 0 {
			return fmt.Errorf("there are none (%v)", err)
		}
		if s := out.InstanceStatuses[0]; s.SystemStatus.Status != system || s.InstanceStatus.Status != instance {
			return fmt.Errorf("they are %s and %s", s.SystemStatus.Status, s.InstanceStatus.Status)
		}
		return nil
	})
}

func requireRefusal(t testing.TB, code string, err error) {
	t.Helper()
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.ErrorCode(), refused.ErrorMessage())
}

// A message of two scripts: both run, once, in their order.
const twoScripts = `Content-Type: multipart/mixed; boundary="=="
MIME-Version: 1.0

--==
Content-Type: text/x-shellscript

#!/bin/sh
echo first >> /var/lib/ran
--==
Content-Type: text/x-shellscript

#!/bin/sh
echo second >> /var/lib/ran; echo both have run
--==--
`

func TestAnInstanceKeepsItsDiskAndNotItsPublicAddress(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	id := n.Instance(t, world.Instance{Zone: "a", UserData: twoScripts})
	consoleSays(t, w, id, "both have run", "user data done")
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
	before, err := w.Describe(id)
	require.NoError(t, err)
	require.NotNil(t, before.PublicIpAddress)

	_, err = w.EC2.RebootInstances(context.Background(), &ec2.RebootInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	consoleSays(t, w, id, "going down")
	world.Wait(t, "the reboot", upTo, func() error {
		if n := strings.Count(consoleOf(t, w, id), "booted"); n != 2 {
			return fmt.Errorf("it has booted %d times", n)
		}
		return nil
	})
	rebooted, err := w.Describe(id)
	require.NoError(t, err)
	assert.Equal(t, before.PublicIpAddress, rebooted.PublicIpAddress, "a reboot keeps the public address")

	_, err = w.EC2.StopInstances(context.Background(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	w.AwaitState(t, id, types.InstanceStateNameStopped)
	stopped, err := w.Describe(id)
	require.NoError(t, err)
	assert.Nil(t, stopped.PublicIpAddress)
	assert.Equal(t, "Client.UserInitiatedShutdown", *stopped.StateReason.Code)
	assert.Contains(t, *stopped.StateTransitionReason, "User initiated (")

	_, err = w.EC2.StartInstances(context.Background(), &ec2.StartInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	w.AwaitState(t, id, types.InstanceStateNameRunning)
	after, err := w.Describe(id)
	require.NoError(t, err)
	assert.Equal(t, before.PrivateIpAddress, after.PrivateIpAddress)
	assert.NotEqual(t, before.PublicIpAddress, after.PublicIpAddress)
	assert.Equal(t, "first\nsecond", w.MustShell(t, id, "cat /var/lib/ran"), "the disk is kept and the user data has run once")
}

func TestAShutdownFromInside(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	stops := n.Instance(t, world.Instance{Zone: "a", UserData: "#!/bin/sh\nshutdown -h now\n"})
	ends := n.Instance(t, world.Instance{Zone: "a"})
	_, err := w.EC2.ModifyInstanceAttribute(context.Background(), &ec2.ModifyInstanceAttributeInput{
		InstanceId: &ends, InstanceInitiatedShutdownBehavior: &types.AttributeValue{Value: aws.String("terminate")},
	})
	require.NoError(t, err)
	_, err = w.EC2.ModifyInstanceAttribute(context.Background(), &ec2.ModifyInstanceAttributeInput{
		InstanceId: &ends, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(true)},
	})
	require.NoError(t, err)
	_, err = w.EC2.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{ends}})
	requireRefusal(t, "OperationNotPermitted", err)
	w.Shell(t, ends, "poweroff") // the protection holds for the API alone
	w.AwaitState(t, ends, types.InstanceStateNameTerminated)
	w.AwaitState(t, stops, types.InstanceStateNameStopped)
	for _, id := range []string{stops, ends} {
		shown, err := w.Describe(id)
		require.NoError(t, err)
		assert.Equal(t, "Client.InstanceInitiatedShutdown", *shown.StateReason.Code)
	}
}

// A zone's instances end at once when it loses its power, fail both checks, and boot from their disks when it is back.
func TestAZoneWithoutPower(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "f")
	id := n.Instance(t, world.Instance{Zone: "f", UserData: "#!/bin/sh\necho once >> /var/lib/ran\n"})
	consoleSays(t, w, id, "user data done")
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
	fault, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.ZonePower, Target: world.Zone("f")})
	require.NoError(t, err)
	healed := false
	t.Cleanup(func() {
		if !healed {
			_, _ = w.Control.Heal(context.Background(), fault.ID)
		}
	})
	awaitChecks(t, w, id, types.SummaryStatusImpaired, types.SummaryStatusImpaired)
	_, err = w.EC2.RunInstances(context.Background(), &ec2.RunInstancesInput{
		ImageId: aws.String(world.Image), InstanceType: types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: aws.String(n.Subnets["f"]),
	}, func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })
	requireRefusal(t, "InsufficientInstanceCapacity", err)
	_, err = w.Control.Heal(context.Background(), fault.ID)
	require.NoError(t, err)
	healed = true
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
	assert.Equal(t, "once", w.MustShell(t, id, "cat /var/lib/ran"))
}

// An instance whose system hangs stays running, and fails its own check only.
func TestAnInstanceThatHangs(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	id := n.Instance(t, world.Instance{Zone: "a"})
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
	fault, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.Hang, Target: id})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = w.Control.Heal(context.Background(), fault.ID) }) // it may be healed
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusImpaired)
	_, err = w.Control.Heal(context.Background(), fault.ID)
	require.NoError(t, err)
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
}

// spin uses all the processor time that an instance gets, and tells how much that was: in hundredths of a processor.
const spin = `python3 - <<'END'
import multiprocessing, os, time
def burn(until):
    while time.monotonic() < until: pass
until = time.monotonic() + 3
all = [multiprocessing.Process(target=burn, args=(until,)) for _ in range(4)]
[p.start() for p in all]; [p.join() for p in all]
t = os.times()
print(int((t.children_user + t.children_system) / 3 * 100))
END`

func TestAnInstanceHasItsTypesProcessorsAndNoMore(t *testing.T) {
	w := world.OpenAlone(t)
	n := w.Network(t, "a")
	launch := func(kind types.InstanceType) (use func() int) {
		in := &ec2.RunInstancesInput{
			ImageId: aws.String(world.Image), InstanceType: kind, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: aws.String(n.Subnets["a"]),
		}
		if kind == types.InstanceTypeT3Nano { // it may not burst: 5 % of each of its two processors
			in.CreditSpecification = &types.CreditSpecificationRequest{CpuCredits: aws.String("standard")}
		}
		out, err := w.EC2.RunInstances(context.Background(), in)
		require.NoError(t, err)
		id := *out.Instances[0].InstanceId
		t.Cleanup(func() {
			_, _ = w.EC2.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}) // it may have gone
		})
		w.AwaitState(t, id, types.InstanceStateNameRunning)
		return func() (hundredths int) {
			_, err := fmt.Sscan(w.MustShell(t, id, spin), &hundredths)
			require.NoError(t, err)
			return hundredths
		}
	}
	nano, large := launch(types.InstanceTypeT3Nano), launch(types.InstanceTypeT3Large)
	nano() // it spends what it has earned while it rested
	world.Wait(t, "the large one to get more than twice as much, on a machine that is busy with other things", upTo, func() error {
		little, much := nano(), large()
		t.Logf("of a processor's hundredths the t3.nano used %d, the t3.large %d", little, much)
		require.LessOrEqual(t, little, 30)
		require.LessOrEqual(t, much, 210)
		if much <= 2*little {
			return fmt.Errorf("they are %d and %d", little, much)
		}
		return nil
	})
}

func TestWhatAnInstanceUsesIsMeasured(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	busy := n.Instance(t, world.Instance{Zone: "a", UserData: "#!/bin/sh\ntimeout 150 sh -c 'while :; do :; done' &\n"})
	idle := n.Instance(t, world.Instance{Zone: "a"})
	_, err := w.EC2.MonitorInstances(context.Background(), &ec2.MonitorInstancesInput{InstanceIds: []string{busy, idle}})
	require.NoError(t, err)
	client := cloudwatch.NewFromConfig(w.Config)
	read := func(name, id string) (float64, error) {
		out, err := client.GetMetricStatistics(context.Background(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("AWS/EC2"), MetricName: &name, Dimensions: []cwtypes.Dimension{{Name: aws.String("InstanceId"), Value: &id}},
			StartTime: aws.Time(time.Now().Add(-10 * time.Minute)), EndTime: aws.Time(time.Now()), Period: aws.Int32(60), Statistics: []cwtypes.Statistic{cwtypes.StatisticMaximum},
		})
		if err != nil || len(out.Datapoints) == 0 {
			return 0, fmt.Errorf("there are no data (%v)", err)
		}
		most := 0.0
		for _, point := range out.Datapoints {
			most = max(most, *point.Maximum)
		}
		return most, nil
	}
	var working, resting float64
	world.Wait(t, "a whole minute's data", 3*time.Minute, func() (err error) {
		if working, err = read("CPUUtilization", busy); err == nil {
			resting, err = read("CPUUtilization", idle)
		}
		if err == nil && working <= 2*resting {
			err = fmt.Errorf("the busy one uses %.1f %%, the idle one %.1f %%", working, resting)
		}
		return err
	})
	t.Logf("CPUUtilization of a busy instance %.1f %%, of an idle one %.1f %%", working, resting)
	assert.LessOrEqual(t, working, 100.0)
	for _, name := range []string{"NetworkIn", "NetworkOut", "EBSWriteBytes", "StatusCheckFailed", "StatusCheckFailed_System"} {
		value, err := read(name, busy)
		require.NoError(t, err, name)
		if strings.HasPrefix(name, "StatusCheck") {
			assert.Zero(t, value, name)
		}
	}
}
