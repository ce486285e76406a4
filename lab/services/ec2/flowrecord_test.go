package ec2_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/vpc"
	lab "haven/lab/services/ec2"
)

// ledger keeps lines by group and stream, or refuses them.
type ledger struct {
	lines  map[string][]string
	refuse error
}

func (l *ledger) Put(_ context.Context, _, group, stream string, lines []string) error {
	if l.refuse == nil {
		l.lines[group+"/"+stream] = append(l.lines[group+"/"+stream], lines...)
	}
	return l.refuse
}

func TestFlowRecordsReachTheirLog(t *testing.T) {
	logs := &ledger{lines: map[string][]string{}}
	b := newBench(t, lab.WithLogs(logs))
	subnet := b.place()
	nic := *b.run(subnet, 1)[0].NetworkInterfaces[0].NetworkInterfaceId
	network, err := b.client.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{})
	require.NoError(t, err)
	create := func(resource string, kind types.FlowLogsResourceType, traffic types.TrafficType, group string, format *string) error {
		_, err := b.client.CreateFlowLogs(b.ctx, &ec2.CreateFlowLogsInput{
			ResourceIds: []string{resource}, ResourceType: kind, TrafficType: traffic, LogGroupName: aws.String(group),
			DeliverLogsPermissionArn: aws.String("arn:aws:iam::000000000000:role/flow"), LogFormat: format,
		})
		return err
	}
	require.NoError(t, create(*network.Vpcs[0].VpcId, types.FlowLogsResourceTypeVpc, types.TrafficTypeAll, "all", nil))
	require.NoError(t, create(subnet, types.FlowLogsResourceTypeSubnet, types.TrafficTypeReject, "drops", aws.String("${action} ${subnet-id} ${dstport}")))
	refused(t, "InvalidParameter", create(subnet, types.FlowLogsResourceTypeSubnet, types.TrafficTypeAll, "x", aws.String("${colour}")))
	_, err = b.client.CreateFlowLogs(b.ctx, &ec2.CreateFlowLogsInput{
		ResourceIds: []string{subnet}, ResourceType: types.FlowLogsResourceTypeSubnet, TrafficType: types.TrafficTypeAll,
		LogDestinationType: types.LogDestinationTypeS3, LogDestination: aws.String("arn:aws:s3:::bucket"),
	})
	refused(t, "UnsupportedOperation", err)

	flow := vpc.Flow{
		VPC: *network.Vpcs[0].VpcId, Interface: nic, Source: netip.MustParseAddrPort("10.0.0.5:4000"), Destination: netip.MustParseAddrPort("10.0.0.6:80"),
		Protocol: 6, Packets: 3, Bytes: 180, Start: time.Unix(100, 0), End: time.Unix(160, 0), Accepted: true,
	}
	dropped := flow
	dropped.Accepted = false
	b.service.RecordFlows([]vpc.Flow{flow, dropped, {Interface: "eni-gone"}})
	assert.Equal(t, []string{
		"2 000000000000 " + nic + " 10.0.0.5 10.0.0.6 4000 80 6 3 180 100 160 ACCEPT OK",
		"2 000000000000 " + nic + " 10.0.0.5 10.0.0.6 4000 80 6 3 180 100 160 REJECT OK",
	}, logs.lines["all/"+nic+"-all"])
	assert.Equal(t, []string{"REJECT " + subnet + " 80"}, logs.lines["drops/"+nic+"-reject"])

	logs.refuse = errors.New("there is no such group")
	b.service.RecordFlows([]vpc.Flow{flow})
	shown, err := b.client.DescribeFlowLogs(b.ctx, &ec2.DescribeFlowLogsInput{Filter: []types.Filter{filter("log-group-name", "all")}})
	require.NoError(t, err)
	assert.Equal(t, "FAILED", *shown.FlowLogs[0].DeliverLogsStatus)
	assert.Contains(t, *shown.FlowLogs[0].DeliverLogsErrorMessage, "no such group")
}
