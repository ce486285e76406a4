package ec2_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	lab "haven/lab/services/ec2"
)

func (b *bench) status(id string) types.InstanceStatus {
	b.Helper()
	out, err := b.client.DescribeInstanceStatus(b.ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}})
	require.NoError(b, err)
	require.Len(b, out.InstanceStatuses, 1)
	return out.InstanceStatuses[0]
}

func TestAZoneLosesItsPower(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	network := b.vpc("10.0.0.0/16")
	here, there := b.subnet(network, "10.0.0.0/24", "us-east-1a"), b.subnet(network, "10.0.1.0/24", "us-east-1b")
	lost, rests, spared := *b.run(here, 1)[0].InstanceId, *b.run(here, 1)[0].InstanceId, *b.run(there, 1)[0].InstanceId
	for _, id := range []string{lost, rests, spared} {
		b.reaches(id, types.InstanceStateNameRunning)
	}
	_, err := b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{rests}})
	require.NoError(t, err)
	b.reaches(rests, types.InstanceStateNameStopped)

	b.service.SetZonePower("us-east-1", "us-east-1a", false)
	b.service.SetZonePower("us-east-1", "us-east-1a", false)
	b.soon("the machine is off", func() bool { return look(s, func() machine.Phase { return s.machines[lost] }) == machine.PhaseOff })
	b.soon("both checks fail", func() bool {
		shown := b.status(lost)
		return shown.SystemStatus.Status == types.SummaryStatusImpaired && shown.InstanceStatus.Status == types.SummaryStatusImpaired
	})
	assert.Equal(t, types.InstanceStateNameRunning, b.instance(lost).State.Name)
	assert.Equal(t, types.SummaryStatusOk, b.status(spared).SystemStatus.Status)
	require.NoError(t, b.store.View(func(tx *cloud.Tx) error {
		facts, err := b.service.Instance(tx, region, lost)
		assert.True(t, facts.StatusImpaired)
		return err
	}))

	_, err = b.client.RunInstances(b.ctx, &ec2.RunInstancesInput{
		ImageId: aws.String(image), InstanceType: types.InstanceTypeT3Small, SubnetId: aws.String(here), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	}, func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })
	refused(t, "InsufficientInstanceCapacity", err)
	_, err = b.client.StartInstances(b.ctx, &ec2.StartInstancesInput{InstanceIds: []string{rests}}, func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })
	refused(t, "InsufficientInstanceCapacity", err)
	assert.Equal(t, types.InstanceStateNameStopped, b.instance(rests).State.Name)

	starts := look(s, func() int { return s.starts[lost] })
	b.service.SetZonePower("us-east-1", "us-east-1a", true)
	b.soon("it boots again", func() bool { return look(s, func() int { return s.starts[lost] }) > starts })
	b.soon("its checks pass", func() bool { return b.status(lost).InstanceStatus.Status == types.SummaryStatusOk })
	assert.Equal(t, 1, look(s, func() int { return s.starts[spared] }), "the other zone saw nothing")
}

func TestAMachineThatHangsFailsItsOwnCheckOnly(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	id := *b.run(b.place(), 1)[0].InstanceId
	b.reaches(id, types.InstanceStateNameRunning)
	b.soon("its checks are made", func() bool { return b.status(id).InstanceStatus.Status == types.SummaryStatusOk })
	s.mu.Lock()
	s.health[id] = machine.HealthFailed
	s.mu.Unlock()
	s.become(id, machine.PhaseRunning)
	b.soon("its check fails", func() bool { return b.status(id).InstanceStatus.Status == types.SummaryStatusImpaired })
	assert.Equal(t, types.SummaryStatusOk, b.status(id).SystemStatus.Status)
	found, err := b.client.DescribeInstanceStatus(b.ctx, &ec2.DescribeInstanceStatusInput{Filters: []types.Filter{{Name: aws.String("instance-status.status"), Values: []string{"impaired"}}}})
	require.NoError(t, err)
	assert.Len(t, found.InstanceStatuses, 1)
}

// A start that does not come up leaves a stopped instance stopped: it must not cost its disk.
func TestAStartThatFailsEndsStopped(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newStage()
	b.play(s)
	id := *b.run(b.place(), 1)[0].InstanceId
	b.reaches(id, types.InstanceStateNameRunning)
	_, err := b.client.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.reaches(id, types.InstanceStateNameStopped)
	s.mu.Lock()
	s.failing[id] = true
	s.mu.Unlock()
	_, err = b.client.StartInstances(b.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	b.soon("it is stopped again, with the reason", func() bool {
		one := b.instance(id)
		return one.State.Name == types.InstanceStateNameStopped && *one.StateReason.Code == "Server.InternalError"
	})
}

func TestProtectionHoldsInItsZone(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	network := b.vpc("10.0.0.0/16")
	here, there := b.subnet(network, "10.0.0.0/24", "us-east-1a"), b.subnet(network, "10.0.1.0/24", "us-east-1b")
	protected := *b.run(here, 1, func(in *ec2.RunInstancesInput) { in.DisableApiTermination = aws.Bool(true) })[0].InstanceId
	beside, apart := *b.run(here, 1)[0].InstanceId, *b.run(there, 1)[0].InstanceId
	for _, id := range []string{protected, beside, apart} {
		b.reaches(id, types.InstanceStateNameRunning)
	}
	_, err := b.client.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{apart, beside, protected}})
	refused(t, "OperationNotPermitted", err)
	b.reaches(apart, types.InstanceStateNameTerminated)
	assert.Equal(t, types.InstanceStateNameRunning, b.instance(beside).State.Name)
	assert.Equal(t, types.InstanceStateNameRunning, b.instance(protected).State.Name)
}

// Launch is called in the middle of others' transactions, which go on when it is refused: nothing may be left in them.
func TestARefusedLaunchLeavesNothing(t *testing.T) {
	b := newBench(t)
	network := b.vpc("10.0.0.0/16")
	subnet := b.subnet(network, "10.0.0.0/24", "us-east-1a")
	made, err := b.client.CreateLaunchTemplate(b.ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("small"), LaunchTemplateData: &types.RequestLaunchTemplateData{
		ImageId: aws.String(image), InstanceType: types.InstanceTypeT3Small, UserData: aws.String(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh"))),
		NetworkInterfaces:   []types.LaunchTemplateInstanceNetworkInterfaceSpecificationRequest{{DeviceIndex: aws.Int32(0), AssociatePublicIpAddress: aws.Bool(true)}},
		BlockDeviceMappings: []types.LaunchTemplateBlockDeviceMappingRequest{{DeviceName: aws.String("/dev/xvda"), Ebs: &types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: aws.Int32(1)}}},
	}})
	require.NoError(t, err)
	kept := errors.New("the caller goes on")
	require.NoError(t, b.store.Update(func(tx *cloud.Tx) error {
		_, err := b.service.Launch(tx, region, lab.LaunchRequest{LaunchTemplateID: *made.LaunchTemplate.LaunchTemplateId, Version: 1, SubnetID: subnet})
		if !cloud.HasCode(err, "InvalidBlockDeviceMapping") {
			return errors.Join(kept, err)
		}
		return nil
	}))
	nics, err := b.client.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{})
	require.NoError(t, err)
	assert.Empty(t, nics.NetworkInterfaces)
	shown, err := b.client.DescribeSubnets(b.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})
	require.NoError(t, err)
	assert.EqualValues(t, 251, *shown.Subnets[0].AvailableIpAddressCount, "its address is free")
	volumes, err := b.client.DescribeVolumes(b.ctx, &ec2.DescribeVolumesInput{})
	require.NoError(t, err)
	assert.Empty(t, volumes.Volumes)
}

func TestMonitoringAndMaintenanceAreSet(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	id := *b.run(b.place(), 1)[0].InstanceId
	b.reaches(id, types.InstanceStateNameRunning)
	on, err := b.client.MonitorInstances(b.ctx, &ec2.MonitorInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	assert.Equal(t, types.MonitoringStatePending, on.InstanceMonitorings[0].Monitoring.State)
	assert.Equal(t, types.MonitoringStateEnabled, b.instance(id).Monitoring.State)
	_, err = b.client.UnmonitorInstances(b.ctx, &ec2.UnmonitorInstancesInput{InstanceIds: []string{id}})
	require.NoError(t, err)
	assert.Equal(t, types.MonitoringStateDisabled, b.instance(id).Monitoring.State)
	_, err = b.client.ModifyInstanceMaintenanceOptions(b.ctx, &ec2.ModifyInstanceMaintenanceOptionsInput{InstanceId: aws.String(id), AutoRecovery: types.InstanceAutoRecoveryStateDisabled})
	require.NoError(t, err)
	assert.Equal(t, types.InstanceAutoRecoveryStateDisabled, b.instance(id).MaintenanceOptions.AutoRecovery)
}
