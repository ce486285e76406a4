package ssm

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

// What every node of the lab runs, as Amazon Linux 2023 would show it.
const (
	agentVersion    = "3.3.987.0"
	platformName    = "Amazon Linux"
	platformVersion = "2023"
)

// DescribeInstanceInformation lists managed nodes: instances whose agents have registered.
func (s *Service) DescribeInstanceInformation(ctx context.Context, in *ssm.DescribeInstanceInformationInput) (*ssm.DescribeInstanceInformationOutput, error) {
	filters := in.Filters
	for _, old := range in.InstanceInformationFilterList {
		filters = append(filters, types.InstanceInformationStringFilter{Key: aws.String(string(old.Key)), Values: old.ValueSet})
	}
	out := &ssm.DescribeInstanceInformationOutput{InstanceInformationList: []types.InstanceInformation{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		managed, err := s.nodes(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		var kept []*node
		for _, n := range managed {
			passes, err := n.passes(filters)
			if err != nil {
				return err
			}
			if passes {
				kept = append(kept, n)
			}
		}
		shown, next, err := pageOf(kept, func(n *node) string { return n.ID }, in.NextToken, in.MaxResults, 50)
		for _, n := range shown {
			out.InstanceInformationList = append(out.InstanceInformationList, n.show())
		}
		out.NextToken = next
		return err
	})
}

func (n *node) ping() types.PingStatus {
	if n.online {
		return types.PingStatusOnline
	}
	return types.PingStatusConnectionLost
}

func (n *node) show() types.InstanceInformation {
	return types.InstanceInformation{
		InstanceId: aws.String(n.ID), PingStatus: n.ping(), LastPingDateTime: aws.Time(n.lastPing), AgentVersion: aws.String(agentVersion), IsLatestVersion: aws.Bool(true),
		PlatformType: types.PlatformTypeLinux, PlatformName: aws.String(platformName), PlatformVersion: aws.String(platformVersion),
		ResourceType: types.ResourceTypeEc2Instance, IPAddress: aws.String(n.Address), ComputerName: aws.String(n.Hostname),
		SourceId: aws.String(n.ID), SourceType: types.SourceTypeAwsEc2Instance,
	}
}

func (n *node) passes(filters []types.InstanceInformationStringFilter) (bool, error) {
	for _, filter := range filters {
		have, err := n.values(aws.ToString(filter.Key))
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(have, func(value string) bool { return slices.Contains(filter.Values, value) }) {
			return false, nil
		}
	}
	return true, nil
}

func (n *node) values(key string) ([]string, error) {
	switch key {
	case "InstanceIds":
		return []string{n.ID}, nil
	case "PingStatus":
		return []string{string(n.ping())}, nil
	case "PlatformTypes":
		return []string{string(types.PlatformTypeLinux)}, nil
	case "AgentVersion":
		return []string{agentVersion}, nil
	case "ResourceType":
		return []string{"EC2Instance", string(types.ResourceTypeEc2Instance)}, nil
	case "tag-key":
		var keys []string
		for tag := range n.Tags {
			keys = append(keys, tag)
		}
		return keys, nil
	}
	if tag, ok := strings.CutPrefix(key, "tag:"); ok {
		if value, ok := n.Tags[tag]; ok {
			return []string{value}, nil
		}
		return nil, nil
	}
	return nil, cloud.Errorf("InvalidInstanceInformationFilterValue", "The filter %s is not valid, as far as the lab knows.", key)
}

// pageOf cuts a page; limit 0 is the usual size.
func pageOf[T any](items []T, key func(T) string, token *string, limit *int32, usual int) ([]T, *string, error) {
	size := int(aws.ToInt32(limit))
	if size == 0 {
		size = usual
	}
	kept, next, err := cloud.Page(items, key, aws.ToString(token), size)
	if err == cloud.ErrBadToken {
		err = cloud.Errorf("InvalidNextToken", "The specified token is not valid.")
	}
	return kept, notEmpty(next), err
}
