package cloudwatchlogs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
)

// CreateLogGroup makes a group.
func (s *Service) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	name, region := *in.LogGroupName, cloud.RegionOf(ctx)
	if !goodGroup.MatchString(name) {
		return nil, cloud.Errorf("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
	}
	class := in.LogGroupClass
	if class == "" {
		class = types.LogGroupClassStandard
	}
	return &cloudwatchlogs.CreateLogGroupOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := groups.Get(tx, region, name)
		if err != nil {
			return err
		}
		if existing != nil {
			return cloud.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
		}
		key, err := s.keyARN(tx, region, in.KmsKeyId)
		if err != nil {
			return err
		}
		return groups.Put(tx, region, name, &group{
			Name: name, Created: journal.Millis(s.now()), KeyARN: key, Class: string(class), Tags: in.Tags,
		})
	})
}

// DeleteLogGroup removes a group with all that is in it.
func (s *Service) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	name, region := *in.LogGroupName, cloud.RegionOf(ctx)
	err := s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findGroup(tx, region, name); err != nil {
			return err
		}
		own, err := streamsOf(tx, region, name)
		if err != nil {
			return err
		}
		for _, one := range own {
			if err := streams.Delete(tx, region, streamID(name, one.Name)); err != nil {
				return err
			}
		}
		if err := deleteFilters(tx, region, name); err != nil {
			return err
		}
		return groups.Delete(tx, region, name)
	})
	if err == nil {
		err = s.events.DeleteGroup(region, name)
	}
	return &cloudwatchlogs.DeleteLogGroupOutput{}, err
}

// DescribeLogGroups lists groups.
func (s *Service) DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, cloud.Errorf("InvalidParameterException", "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if aws.ToBool(in.IncludeLinkedAccounts) {
		return nil, cloud.Unsupportedf("InvalidParameterException", "groups of linked accounts")
	}
	region := cloud.RegionOf(ctx)
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, region)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(g *group) bool {
			return !strings.HasPrefix(g.Name, aws.ToString(in.LogGroupNamePrefix)) ||
				!strings.Contains(strings.ToLower(g.Name), strings.ToLower(aws.ToString(in.LogGroupNamePattern))) ||
				in.LogGroupClass != "" && g.Class != string(in.LogGroupClass)
		})
		rows, next, err := page(all, func(g *group) string { return g.Name }, in.NextToken, in.Limit, 50)
		if err != nil {
			return err
		}
		out.NextToken = next
		for _, g := range rows {
			described, err := s.describe(tx, region, g)
			if err != nil {
				return err
			}
			out.LogGroups = append(out.LogGroups, described)
		}
		return nil
	})
	return out, err
}

func (s *Service) describe(tx *cloud.Tx, region string, g *group) (types.LogGroup, error) {
	described := types.LogGroup{
		LogGroupName: aws.String(g.Name), CreationTime: aws.Int64(g.Created), LogGroupClass: types.LogGroupClass(g.Class),
		Arn: aws.String(groupARN(region, g.Name) + ":*"), LogGroupArn: aws.String(groupARN(region, g.Name)),
	}
	if g.Retention > 0 {
		described.RetentionInDays = aws.Int32(g.Retention)
	}
	if g.KeyARN != "" {
		described.KmsKeyId = aws.String(g.KeyARN)
	}
	filters, err := filtersOf(tx, region, g.Name)
	if err != nil {
		return described, err
	}
	described.MetricFilterCount = aws.Int32(int32(len(filters)))
	own, err := streamsOf(tx, region, g.Name)
	if err != nil {
		return described, err
	}
	var stored int64
	for _, one := range own {
		stats, err := s.events.Stats(journal.Stream{Region: region, Group: g.Name, Name: one.Name})
		if err != nil {
			return described, err
		}
		stored += stats.Bytes
	}
	described.StoredBytes = aws.Int64(stored)
	return described, nil
}

// retentions are the days that events may be kept for
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
var retentions = []int32{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// PutRetentionPolicy says how long events are kept.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, cloud.Errorf("InvalidParameterException", "1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: %v", *in.RetentionInDays, retentions)
	}
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, s.change(ctx, *in.LogGroupName, func(_ *cloud.Tx, g *group) error {
		g.Retention = *in.RetentionInDays
		return nil
	})
}

// DeleteRetentionPolicy keeps events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, s.change(ctx, *in.LogGroupName, func(_ *cloud.Tx, g *group) error {
		g.Retention = 0
		return nil
	})
}

// AssociateKmsKey keeps the key of a group.
func (s *Service) AssociateKmsKey(ctx context.Context, in *cloudwatchlogs.AssociateKmsKeyInput) (*cloudwatchlogs.AssociateKmsKeyOutput, error) {
	region := cloud.RegionOf(ctx)
	name, err := groupName(region, in.LogGroupName, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.AssociateKmsKeyOutput{}, s.change(ctx, name, func(tx *cloud.Tx, g *group) (err error) {
		g.KeyARN, err = s.keyARN(tx, region, in.KmsKeyId)
		return err
	})
}

// DisassociateKmsKey forgets the key of a group.
func (s *Service) DisassociateKmsKey(ctx context.Context, in *cloudwatchlogs.DisassociateKmsKeyInput) (*cloudwatchlogs.DisassociateKmsKeyOutput, error) {
	name, err := groupName(cloud.RegionOf(ctx), in.LogGroupName, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.DisassociateKmsKeyOutput{}, s.change(ctx, name, func(_ *cloud.Tx, g *group) error {
		g.KeyARN = ""
		return nil
	})
}
