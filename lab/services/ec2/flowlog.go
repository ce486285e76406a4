package ec2

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// defaultFlowFormat is version 2 of the record
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
const defaultFlowFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

// flowLogRow is one flow log. Its records go to a CloudWatch log group, see RecordFlows.
type flowLogRow struct {
	meta
	Resource    string
	Traffic     types.TrafficType
	Destination string // ARN
	Kind        types.LogDestinationType
	Group       string
	Role        string
	CrossRole   string
	Format      string
	Interval    int32
	Failure     string // why records were not delivered the last time; empty: they were, or there were none
}

var flowLogs = kind[flowLogRow, *flowLogRow]{
	Table: cloud.NewTable[flowLogRow]("ec2.flow-logs"), resource: types.ResourceTypeVpcFlowLog, prefix: "fl",
	noun: "flowLog ID", missing: "InvalidFlowLogId.NotFound",
}

// CreateFlowLogs records a flow log for each resource.
func (s *Service) CreateFlowLogs(ctx context.Context, in *ec2.CreateFlowLogsInput) (*ec2.CreateFlowLogsOutput, error) {
	template, err := parseFlowLog(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateFlowLogsOutput{ClientToken: in.ClientToken}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		exists := func(made string) (bool, error) { return flowLogs.exists(tx, region)(strings.Split(made, ",")[0]) }
		made, err := once(tx, region, "CreateFlowLogs", in.ClientToken, in, exists, func() (string, error) {
			var ids []string
			for _, resource := range in.ResourceIds {
				row := template
				head, err := flowLogs.newMeta(in.TagSpecifications)
				if err != nil {
					return "", err
				}
				row.meta, row.Resource = head, resource
				if err := createFlowLog(tx, region, in.ResourceType, &row); err != nil {
					item, err := unsuccessful(resource, err)
					if err != nil {
						return "", err
					}
					out.Unsuccessful = append(out.Unsuccessful, item)
					continue
				}
				ids = append(ids, row.ID)
			}
			return strings.Join(ids, ","), nil
		})
		if made != "" {
			out.FlowLogIds = strings.Split(made, ",")
		}
		return err
	})
}

// parseFlowLog checks what all flow logs of a request have in common.
func parseFlowLog(ctx context.Context, in *ec2.CreateFlowLogsInput) (flowLogRow, error) {
	row := flowLogRow{
		Traffic: cmp.Or(in.TrafficType, types.TrafficTypeAll), Kind: cmp.Or(in.LogDestinationType, types.LogDestinationTypeCloudWatchLogs),
		Destination: strings.TrimSuffix(aws.ToString(in.LogDestination), ":*"), Group: aws.ToString(in.LogGroupName),
		Role: aws.ToString(in.DeliverLogsPermissionArn), CrossRole: aws.ToString(in.DeliverCrossAccountRole),
		Format: cmp.Or(aws.ToString(in.LogFormat), defaultFlowFormat), Interval: cmp.Or(aws.ToInt32(in.MaxAggregationInterval), 600),
	}
	if row.Interval != 60 && row.Interval != 600 {
		return row, cloud.Errorf("InvalidParameter", "Invalid maximum aggregation interval: %d. It is 60 or 600.", row.Interval)
	}
	if row.Kind != types.LogDestinationTypeCloudWatchLogs {
		return row, cloud.Unsupportedf("UnsupportedOperation", "flow logs to the destination type %s", row.Kind)
	}
	if err := cmpErr(refuse("DestinationOptions", in.DestinationOptions), checkFlowFormat(row.Format)); err != nil {
		return row, err
	}
	if (row.Group == "") == (row.Destination == "") {
		return row, cloud.Errorf("InvalidParameter", "Please only provide LogGroupName or only provide LogDestination.")
	}
	if row.Role == "" {
		return row, cloud.Errorf("InvalidParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
	}
	if row.Group == "" {
		_, row.Group, _ = strings.Cut(row.Destination, ":log-group:")
	} else {
		row.Destination = cloud.ARN("logs", cloud.RegionOf(ctx), "log-group:"+row.Group)
	}
	return row, nil
}

func createFlowLog(tx *cloud.Tx, region string, resource types.FlowLogsResourceType, row *flowLogRow) (err error) {
	switch resource {
	case types.FlowLogsResourceTypeVpc:
		_, err = vpcs.find(tx, region, row.Resource)
	case types.FlowLogsResourceTypeSubnet:
		_, err = subnets.find(tx, region, row.Resource)
	case types.FlowLogsResourceTypeNetworkInterface:
		_, err = interfaces.find(tx, region, row.Resource)
	default:
		err = cloud.Unsupportedf("UnsupportedOperation", "flow logs of %s", resource)
	}
	if err != nil {
		return err
	}
	twin, err := firstOf(tx, region, flowLogs, func(r *flowLogRow) bool {
		return r.Resource == row.Resource && r.Destination == row.Destination && r.Traffic == row.Traffic
	})()
	if err != nil {
		return err
	}
	if twin != "" {
		return cloud.Errorf("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination: %s.", twin)
	}
	return flowLogs.save(tx, region, row)
}

// DeleteFlowLogs deletes flow logs; what is not there is told in the answer.
func (s *Service) DeleteFlowLogs(ctx context.Context, in *ec2.DeleteFlowLogsInput) (*ec2.DeleteFlowLogsOutput, error) {
	out := &ec2.DeleteFlowLogsOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		for _, id := range in.FlowLogIds {
			row, err := flowLogs.find(tx, region, id)
			if err == nil {
				err = flowLogs.remove(tx, region, row)
			}
			if err == nil {
				continue
			}
			item, err := unsuccessful(id, err)
			if err != nil {
				return err
			}
			out.Unsuccessful = append(out.Unsuccessful, item)
		}
		return nil
	})
}

var flowLogFilters = filterSet[types.FlowLog]{
	tags: func(l *types.FlowLog) []types.Tag { return l.Tags },
	named: map[string]func(*types.FlowLog) []string{
		"deliver-log-status":   func(l *types.FlowLog) []string { return text(l.DeliverLogsStatus) },
		"flow-log-id":          func(l *types.FlowLog) []string { return text(l.FlowLogId) },
		"log-destination-type": func(l *types.FlowLog) []string { return []string{string(l.LogDestinationType)} },
		"log-group-name":       func(l *types.FlowLog) []string { return text(l.LogGroupName) },
		"resource-id":          func(l *types.FlowLog) []string { return text(l.ResourceId) },
		"traffic-type":         func(l *types.FlowLog) []string { return []string{string(l.TrafficType)} },
	},
}

// DescribeFlowLogs lists flow logs. Unlike other resources, unknown ids are left out, as in AWS.
func (s *Service) DescribeFlowLogs(ctx context.Context, in *ec2.DescribeFlowLogsInput) (*ec2.DescribeFlowLogsOutput, error) {
	out := &ec2.DescribeFlowLogsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		rows, err := flowLogs.where(tx, region, func(r *flowLogRow) bool {
			return len(in.FlowLogIds) == 0 || slices.Contains(in.FlowLogIds, r.ID)
		})
		if err != nil {
			return err
		}
		answer := page[types.FlowLog]{set: flowLogFilters}
		for _, row := range rows {
			answer.add(row.ID, showFlowLog(row))
		}
		out.FlowLogs, out.NextToken, err = answer.cut(query{filters: in.Filter, limit: in.MaxResults, token: in.NextToken})
		return err
	})
	return out, err
}

func showFlowLog(row *flowLogRow) types.FlowLog {
	shown := types.FlowLog{
		FlowLogId: aws.String(row.ID), FlowLogStatus: aws.String("ACTIVE"), ResourceId: aws.String(row.Resource), TrafficType: row.Traffic,
		LogDestinationType: row.Kind, LogDestination: optional(row.Destination), LogGroupName: optional(row.Group), LogFormat: aws.String(row.Format),
		DeliverLogsPermissionArn: optional(row.Role), DeliverCrossAccountRole: optional(row.CrossRole),
		MaxAggregationInterval: aws.Int32(row.Interval), CreationTime: aws.Time(row.Created), Tags: tagList(row.Tags),
		DeliverLogsStatus: aws.String("SUCCESS"),
	}
	if row.Failure != "" {
		shown.DeliverLogsStatus, shown.DeliverLogsErrorMessage = aws.String("FAILED"), aws.String(row.Failure)
	}
	return shown
}
