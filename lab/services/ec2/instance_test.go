package ec2_test

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/machine"
	"haven/lab/realm/vpc"
)

func TestInstanceWithoutRealmStaysPendingAndSaysWhy(t *testing.T) {
	b := newBench(t)
	one := b.run(b.place(), 1)[0]
	assert.Equal(t, types.InstanceStateNamePending, one.State.Name)
	assert.Contains(t, *one.StateReason.Message, "privileges")
	_, err := b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*one.InstanceId}})
	refused(t, "IncorrectInstanceState", err)
	out, err := b.client.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*one.InstanceId}})
	require.NoError(t, err)
	assert.Equal(t, types.InstanceStateNameTerminated, out.TerminatingInstances[0].CurrentState.Name)
	assert.Nil(t, b.instance(*one.InstanceId).SubnetId, "its interface is gone")
	volumes, err := b.client.DescribeVolumes(b.ctx, &ec2.DescribeVolumesInput{})
	require.NoError(t, err)
	assert.Empty(t, volumes.Volumes)
}

func TestLifeOfAnInstance(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	data := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\ntrue"))
	one := b.run(b.place(), 1, func(in *ec2.RunInstancesInput) {
		in.UserData = aws.String(data)
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String("web")}
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("one")}}}}
	})[0]
	id := *one.InstanceId
	b.reaches(id, types.InstanceStateNameRunning)

	spec := look(s, func() machine.Spec { return s.specs[id] })
	assert.Equal(t, "#!/bin/sh\ntrue", string(spec.UserData))
	assert.Equal(t, *one.PrivateIpAddress, spec.Interface.Address.String())
	assert.Equal(t, []string{"default"}, spec.Interface.SecurityGroups)
	assert.Equal(t, *one.PrivateDnsName, spec.Hostname)
	assert.EqualValues(t, 2, spec.CPUs)
	assert.EqualValues(t, 2048, spec.MemoryMiB)
	assert.True(t, spec.Metadata.TokensRequired, "the image asks for version 2")
	assert.NotNil(t, spec.Namespace)
	credentials, err := spec.Credentials(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "web-role/"+id, credentials.AccessKeyID)

	b.soon("its checks pass", func() bool { return b.status(id).InstanceStatus.Status == types.SummaryStatusOk })
	console, err := b.client.GetConsoleOutput(b.ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(id)})
	require.NoError(t, err)
	text, _ := base64.StdEncoding.DecodeString(*console.Output)
	assert.Equal(t, "console of "+id, string(text))

	_, err = b.client.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("colour"), Value: aws.String("red")}}})
	require.NoError(t, err)
	b.soon("the running machine learns its new tag", func() bool { return look(s, func() string { return s.specs[id].Tags["colour"] }) == "red" })

	_, err = b.client.RebootInstances(b.ctx, &ec2.RebootInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.soon("reboot", func() bool { return look(s, func() int { return s.reboots }) == 1 })

	_, err = b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameStopped)
	assert.Equal(t, "Client.UserInitiatedShutdown", *b.instance(id).StateReason.Code)
	b.soon("a stopped instance's interface is off the network", func() bool {
		return look(s, func() int { return len(s.spec.VPCs[0].Interfaces) }) == 0
	})
	_, err = b.client.StartInstances(b.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameRunning)
	assert.Equal(t, *one.PrivateIpAddress, *b.instance(id).PrivateIpAddress)

	_, err = b.client.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameTerminated)
	assert.Empty(t, s.Observe())
	nics, err := b.client.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{})
	require.NoError(t, err)
	assert.Empty(t, nics.NetworkInterfaces)
}

func TestCrashImpairsAndRebootHeals(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	id := *b.run(b.place(), 1)[0].InstanceId
	b.reaches(id, types.InstanceStateNameRunning)
	s.become(id, machine.PhaseCrashed)
	verdict := func() types.SummaryStatus {
		out, err := b.client.DescribeInstanceStatus(b.ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}})
		require.NoError(t, err)
		return out.InstanceStatuses[0].InstanceStatus.Status
	}
	b.soon("the status check fails", func() bool { return verdict() == types.SummaryStatusImpaired })
	assert.Equal(t, types.InstanceStateNameRunning, b.instance(id).State.Name)
	_, err := b.client.RebootInstances(b.ctx, &ec2.RebootInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.soon("the status check passes again", func() bool { return verdict() == types.SummaryStatusOk })
}

func TestShutdownFromInside(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	subnet := b.place()
	stops := *b.run(subnet, 1)[0].InstanceId
	ends := *b.run(subnet, 1, func(in *ec2.RunInstancesInput) {
		in.InstanceInitiatedShutdownBehavior = types.ShutdownBehaviorTerminate
	})[0].InstanceId
	b.reaches(stops, types.InstanceStateNameRunning)
	b.reaches(ends, types.InstanceStateNameRunning)
	s.become(stops, machine.PhaseStopped)
	s.become(ends, machine.PhaseStopped)
	b.reaches(stops, types.InstanceStateNameStopped)
	b.reaches(ends, types.InstanceStateNameTerminated)
	assert.Equal(t, "Client.InstanceInitiatedShutdown", *b.instance(ends).StateReason.Code)
}

func TestLaunchThatKeepsFailingIsGivenUp(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newStage()
	s.failing["*"] = true
	b.play(s)
	id := *b.run(b.place(), 1)[0].InstanceId
	b.reaches(id, types.InstanceStateNameTerminated)
	assert.Equal(t, "Server.InternalError", *b.instance(id).StateReason.Code)
	assert.Contains(t, *b.instance(id).StateReason.Message, "no room on the stage")
	assert.Equal(t, 3, look(s, func() int { return s.starts[id] }))
}

// After a restart of the lab nothing runs: what was running is booted again with the same identity.
func TestRestartOfTheLabBootsAgain(t *testing.T) {
	b, s := newBench(t), newStage()
	end := b.play(s)
	subnet := b.place()
	runs, rests := b.run(subnet, 1)[0], b.run(subnet, 1)[0]
	b.reaches(*runs.InstanceId, types.InstanceStateNameRunning)
	b.reaches(*rests.InstanceId, types.InstanceStateNameRunning)
	_, err := b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*rests.InstanceId}})
	require.NoError(t, err)
	b.reaches(*rests.InstanceId, types.InstanceStateNameStopped)
	end()

	s = newStage()
	b.play(s)
	b.soon("it is booted again", func() bool { return look(s, func() int { return s.starts[*runs.InstanceId] }) == 1 })
	assert.Equal(t, *runs.PrivateIpAddress, look(s, func() string { return s.specs[*runs.InstanceId].Interface.Address.String() }))
	assert.ElementsMatch(t, []string{*runs.InstanceId, *rests.InstanceId}, look(s, func() []string { return s.pruned }))
	assert.Zero(t, look(s, func() int { return s.starts[*rests.InstanceId] }))
	assert.Equal(t, types.InstanceStateNameRunning, b.instance(*runs.InstanceId).State.Name)
}

func TestProtections(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	id := *b.run(b.place(), 1, func(in *ec2.RunInstancesInput) {
		in.DisableApiTermination, in.DisableApiStop = aws.Bool(true), aws.Bool(true)
	})[0].InstanceId
	b.reaches(id, types.InstanceStateNameRunning)
	_, err := b.client.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	refused(t, "OperationNotPermitted", err)
	_, err = b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	refused(t, "OperationNotPermitted", err)
	for _, in := range []*ec2.ModifyInstanceAttributeInput{
		{InstanceId: aws.String(id), DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(false)}},
		{InstanceId: aws.String(id), DisableApiStop: &types.AttributeBooleanValue{Value: aws.Bool(false)}},
	} {
		_, err = b.client.ModifyInstanceAttribute(b.ctx, in)
		require.NoError(t, err)
	}
	_, err = b.client.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameTerminated)
}

func TestRunInstancesRefuses(t *testing.T) {
	b := newBench(t)
	subnet := b.place()
	for name, c := range map[string]struct {
		change func(*ec2.RunInstancesInput)
		code   string
	}{
		"unknown image":    {func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-0123456789abcdef0") }, "InvalidAMIID.NotFound"},
		"no image id":      {func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("al2023") }, "InvalidAMIID.Malformed"},
		"architecture":     {func(in *ec2.RunInstancesInput) { in.InstanceType = types.InstanceTypeT4gSmall }, "InvalidParameterValue"},
		"unknown type":     {func(in *ec2.RunInstancesInput) { in.InstanceType = types.InstanceTypeP548xlarge }, "InvalidParameterValue"},
		"unknown subnet":   {func(in *ec2.RunInstancesInput) { in.SubnetId = aws.String("subnet-0123456789abcdef0") }, "InvalidSubnetID.NotFound"},
		"no subnet":        {func(in *ec2.RunInstancesInput) { in.SubnetId = nil }, "MissingInput"},
		"foreign address":  {func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = aws.String("10.9.0.9") }, "InvalidParameterValue"},
		"reserved address": {func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = aws.String("10.0.0.3") }, "InvalidParameterValue"},
		"user data":        {func(in *ec2.RunInstancesInput) { in.UserData = aws.String("not base64!") }, "InvalidUserData.Malformed"},
		"spot": {func(in *ec2.RunInstancesInput) {
			in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
		}, "UnsupportedOperation"},
		"hibernation": {func(in *ec2.RunInstancesInput) {
			in.HibernationOptions = &types.HibernationOptionsRequest{Configured: aws.Bool(true)}
		}, "UnsupportedOperation"},
		"order": {func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(2) }, "InvalidParameterValue"},
		"profile": {func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String("x")}
		}, "UnsupportedOperation"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &ec2.RunInstancesInput{ImageId: aws.String(image), InstanceType: types.InstanceTypeT3Small, SubnetId: aws.String(subnet), MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
			c.change(in)
			_, err := b.client.RunInstances(b.ctx, in)
			refused(t, c.code, err)
		})
	}
	out, err := b.client.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{})
	require.NoError(t, err)
	assert.Empty(t, out.NetworkInterfaces, "nothing is left of a refused launch")
}

func TestSameClientTokenLaunchesOnce(t *testing.T) {
	b := newBench(t)
	subnet := b.place()
	token := func(in *ec2.RunInstancesInput) { in.ClientToken = aws.String("once") }
	first, second := b.run(subnet, 2, token), b.run(subnet, 2, token)
	assert.Equal(t, *first[0].InstanceId, *second[0].InstanceId)
	assert.Len(t, second, 2)
	_, err := b.client.RunInstances(b.ctx, &ec2.RunInstancesInput{
		ImageId: aws.String(image), InstanceType: types.InstanceTypeT3Micro, SubnetId: aws.String(subnet), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ClientToken: aws.String("once"),
	})
	refused(t, "IdempotentParameterMismatch", err)
}

func TestPublicAddressIsGivenBackWhileStopped(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newStage()
	b.play(s)
	id := *b.run(b.place(), 1, func(in *ec2.RunInstancesInput) {
		in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: in.SubnetId, AssociatePublicIpAddress: aws.Bool(true)}}
		in.SubnetId = nil
	})[0].InstanceId
	b.reaches(id, types.InstanceStateNameRunning)
	assert.True(t, vpc.PublicRange.Contains(netip.MustParseAddr(*b.instance(id).PublicIpAddress)))
	_, err := b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameStopped)
	assert.Nil(t, b.instance(id).PublicIpAddress)
	_, err = b.client.StartInstances(b.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	assert.NotNil(t, b.instance(id).PublicIpAddress)
}

func TestNetworkThatCannotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newStage()
	s.refuse = errors.New("the kernel is tired")
	b.play(s)
	id := *b.run(b.place(), 1)[0].InstanceId
	b.soon("it is tried", func() bool { return look(s, func() int { return s.applied }) > 0 })
	assert.Equal(t, types.InstanceStateNamePending, b.instance(id).State.Name)
	look(s, func() error { s.refuse = nil; return nil })
	b.reaches(id, types.InstanceStateNameRunning)

	look(s, func() error { s.refuse = errors.New("tired again"); return nil })
	_, err := b.client.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameTerminated)
}
