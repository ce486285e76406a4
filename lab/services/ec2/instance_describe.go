package ec2

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// reserved is an instance with its reservation, for filters and for the answer.
type reserved struct {
	types.Instance
	reservation string
}

var instanceFilters = filterSet[reserved]{
	tags: func(i *reserved) []types.Tag { return i.Tags },
	named: map[string]func(*reserved) []string{
		"architecture":                           func(i *reserved) []string { return []string{string(i.Architecture)} },
		"availability-zone":                      func(i *reserved) []string { return text(i.Placement.AvailabilityZone) },
		"availability-zone-id":                   func(i *reserved) []string { return text(i.Placement.AvailabilityZoneId) },
		"client-token":                           func(i *reserved) []string { return text(i.ClientToken) },
		"dns-name":                               func(i *reserved) []string { return text(i.PublicDnsName) },
		"hypervisor":                             func(i *reserved) []string { return []string{string(i.Hypervisor)} },
		"iam-instance-profile.arn":               func(i *reserved) []string { return text(profileOf(i).Arn) },
		"iam-instance-profile.id":                func(i *reserved) []string { return text(profileOf(i).Id) },
		"image-id":                               func(i *reserved) []string { return text(i.ImageId) },
		"instance-id":                            func(i *reserved) []string { return text(i.InstanceId) },
		"instance-state-code":                    func(i *reserved) []string { return number(i.State.Code) },
		"instance-state-name":                    func(i *reserved) []string { return []string{string(i.State.Name)} },
		"instance-type":                          func(i *reserved) []string { return []string{string(i.InstanceType)} },
		"instance.group-id":                      ofGroups(func(g types.GroupIdentifier) []string { return text(g.GroupId) }),
		"instance.group-name":                    ofGroups(func(g types.GroupIdentifier) []string { return text(g.GroupName) }),
		"ip-address":                             func(i *reserved) []string { return text(i.PublicIpAddress) },
		"launch-index":                           func(i *reserved) []string { return number(i.AmiLaunchIndex) },
		"launch-time":                            func(i *reserved) []string { return moment(i.LaunchTime) },
		"metadata-options.http-tokens":           func(i *reserved) []string { return []string{string(i.MetadataOptions.HttpTokens)} },
		"metadata-options.http-endpoint":         func(i *reserved) []string { return []string{string(i.MetadataOptions.HttpEndpoint)} },
		"monitoring-state":                       func(i *reserved) []string { return []string{string(i.Monitoring.State)} },
		"network-interface.network-interface-id": ofFaces(func(n types.InstanceNetworkInterface) []string { return text(n.NetworkInterfaceId) }),
		"network-interface.subnet-id":            ofFaces(func(n types.InstanceNetworkInterface) []string { return text(n.SubnetId) }),
		"network-interface.vpc-id":               ofFaces(func(n types.InstanceNetworkInterface) []string { return text(n.VpcId) }),
		"network-interface.addresses.private-ip-address": ofFaces(func(n types.InstanceNetworkInterface) []string { return text(n.PrivateIpAddress) }),
		"network-interface.group-id": ofFaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.Groups, func(g types.GroupIdentifier) []string { return text(g.GroupId) })
		}),
		"owner-id":             func(*reserved) []string { return []string{cloud.Account} },
		"platform-details":     func(i *reserved) []string { return text(i.PlatformDetails) },
		"private-dns-name":     func(i *reserved) []string { return text(i.PrivateDnsName) },
		"private-ip-address":   func(i *reserved) []string { return text(i.PrivateIpAddress) },
		"reservation-id":       func(i *reserved) []string { return []string{i.reservation} },
		"root-device-name":     func(i *reserved) []string { return text(i.RootDeviceName) },
		"root-device-type":     func(i *reserved) []string { return []string{string(i.RootDeviceType)} },
		"source-dest-check":    func(i *reserved) []string { return flag(i.SourceDestCheck) },
		"state-reason-code":    func(i *reserved) []string { return text(stateReason(i).Code) },
		"state-reason-message": func(i *reserved) []string { return text(stateReason(i).Message) },
		"subnet-id":            func(i *reserved) []string { return text(i.SubnetId) },
		"tenancy":              func(i *reserved) []string { return []string{string(i.Placement.Tenancy)} },
		"virtualization-type":  func(i *reserved) []string { return []string{string(i.VirtualizationType)} },
		"vpc-id":               func(i *reserved) []string { return text(i.VpcId) },
		"block-device-mapping.volume-id": func(i *reserved) []string {
			return each(i.BlockDeviceMappings, func(m types.InstanceBlockDeviceMapping) []string { return text(m.Ebs.VolumeId) })
		},
		"block-device-mapping.device-name": func(i *reserved) []string {
			return each(i.BlockDeviceMappings, func(m types.InstanceBlockDeviceMapping) []string { return text(m.DeviceName) })
		},
	},
}

func ofGroups(values func(types.GroupIdentifier) []string) func(*reserved) []string {
	return func(i *reserved) []string { return each(i.SecurityGroups, values) }
}

func ofFaces(values func(types.InstanceNetworkInterface) []string) func(*reserved) []string {
	return func(i *reserved) []string { return each(i.NetworkInterfaces, values) }
}

func profileOf(i *reserved) types.IamInstanceProfile {
	if i.IamInstanceProfile == nil {
		return types.IamInstanceProfile{}
	}
	return *i.IamInstanceProfile
}

func stateReason(i *reserved) types.StateReason {
	if i.StateReason == nil {
		return types.StateReason{}
	}
	return *i.StateReason
}

// DescribeInstances lists instances by their reservations.
func (s *Service) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	out := &ec2.DescribeInstancesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		around, err := survey(tx, region)
		if err != nil {
			return err
		}
		q := query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken}
		shown, next, err := describe(tx, region, instances, q, instanceFilters, func(row *instanceRow) (reserved, error) {
			return reserved{showInstance(row, around), row.Reservation}, nil
		})
		out.Reservations, out.NextToken = byReservation(shown), next
		return err
	})
	return out, err
}

func byReservation(shown []reserved) []types.Reservation {
	at := map[string]int{}
	var all []types.Reservation
	for i := range shown {
		one := &shown[i]
		position, ok := at[one.reservation]
		if !ok {
			position = len(all)
			at[one.reservation] = position
			all = append(all, types.Reservation{ReservationId: aws.String(one.reservation), OwnerId: aws.String(cloud.Account)})
		}
		all[position].Instances = append(all[position].Instances, one.Instance)
	}
	slices.SortFunc(all, func(a, b types.Reservation) int { return strings.Compare(*a.ReservationId, *b.ReservationId) })
	return all
}

var statusFilters = filterSet[types.InstanceStatus]{named: map[string]func(*types.InstanceStatus) []string{
	"availability-zone":            func(i *types.InstanceStatus) []string { return text(i.AvailabilityZone) },
	"instance-state-code":          func(i *types.InstanceStatus) []string { return number(i.InstanceState.Code) },
	"instance-state-name":          func(i *types.InstanceStatus) []string { return []string{string(i.InstanceState.Name)} },
	"instance-status.status":       func(i *types.InstanceStatus) []string { return []string{string(i.InstanceStatus.Status)} },
	"instance-status.reachability": func(i *types.InstanceStatus) []string { return reachability(i.InstanceStatus) },
	"system-status.status":         func(i *types.InstanceStatus) []string { return []string{string(i.SystemStatus.Status)} },
	"system-status.reachability":   func(i *types.InstanceStatus) []string { return reachability(i.SystemStatus) },
}}

func reachability(summary *types.InstanceStatusSummary) []string {
	return each(summary.Details, func(d types.InstanceStatusDetails) []string { return []string{string(d.Status)} })
}

// DescribeInstanceStatus tells the status checks of running instances, or of all.
func (s *Service) DescribeInstanceStatus(ctx context.Context, in *ec2.DescribeInstanceStatusInput) (*ec2.DescribeInstanceStatusOutput, error) {
	out := &ec2.DescribeInstanceStatusOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		rows, err := instances.pick(tx, region, in.InstanceIds)
		if err != nil {
			return err
		}
		answer := page[types.InstanceStatus]{set: statusFilters}
		for _, row := range rows {
			if row.State == types.InstanceStateNameRunning || in.IncludeAllInstances != nil && *in.IncludeAllInstances {
				answer.add(row.ID, s.showStatus(row))
			}
		}
		out.InstanceStatuses, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
		return err
	})
	return out, err
}

// showStatus shows the two checks: the system's, which is the host's, and the instance's own.
func (s *Service) showStatus(row *instanceRow) types.InstanceStatus {
	shown := types.InstanceStatus{
		InstanceId: aws.String(row.ID), AvailabilityZone: aws.String(row.Zone), AvailabilityZoneId: aws.String(cloud.ZoneID(row.Zone)),
		InstanceState:  showState(row.State),
		InstanceStatus: &types.InstanceStatusSummary{Status: types.SummaryStatusNotApplicable},
		SystemStatus:   &types.InstanceStatusSummary{Status: types.SummaryStatusNotApplicable},
	}
	if row.State != types.InstanceStateNameRunning {
		return shown
	}
	since, dark := s.dark.of(row.Zone)
	made := row.Checked && s.begun.Load()
	shown.SystemStatus = showCheck(made || row.Impaired, dark, since)
	if row.Impaired {
		dark, since = true, row.ImpairedSince
	}
	shown.InstanceStatus = showCheck(made, dark, since)
	return shown
}

func showCheck(made, failed bool, since time.Time) *types.InstanceStatusSummary {
	detail := types.InstanceStatusDetails{Name: types.StatusNameReachability, Status: types.StatusTypePassed}
	summary := &types.InstanceStatusSummary{Status: types.SummaryStatusOk}
	switch {
	case failed:
		summary.Status, detail.Status, detail.ImpairedSince = types.SummaryStatusImpaired, types.StatusTypeFailed, aws.Time(since)
	case !made:
		summary.Status, detail.Status = types.SummaryStatusInitializing, types.StatusTypeInitializing
	}
	summary.Details = []types.InstanceStatusDetails{detail}
	return summary
}
