package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// awsPrefixList is a prefix list that AWS manages: what gateway endpoints route.
type awsPrefixList struct {
	id, name string
	blocks   []string
}

// The ids of S3's and DynamoDB's lists are AWS's own in each region; their content is the lab's.
var awsPrefixListIDs = map[string][2]string{
	"us-east-1":    {"pl-63a5400a", "pl-02cd2c6b"},
	"us-east-2":    {"pl-7ba54012", "pl-4ca54025"},
	"us-west-2":    {"pl-68a54001", "pl-00a54069"},
	"eu-west-1":    {"pl-6da54004", "pl-6fa54006"},
	"eu-central-1": {"pl-6ea54007", "pl-66a5400f"},
}

func prefixLists(region string) []awsPrefixList {
	ids := awsPrefixListIDs[region]
	return []awsPrefixList{
		{ids[1], "com.amazonaws." + region + ".dynamodb", []string{vpc.DynamoDBRange.String()}},
		{ids[0], "com.amazonaws." + region + ".s3", []string{vpc.S3Range.String()}},
	}
}

func findPrefixList(region, id string) (awsPrefixList, error) {
	for _, list := range prefixLists(region) {
		if list.id == id {
			return list, nil
		}
	}
	return awsPrefixList{}, cloud.Errorf("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", id)
}

// choosePrefixLists returns those of the ids, or all.
func choosePrefixLists(region string, ids []string, missing string) ([]awsPrefixList, error) {
	for _, id := range ids {
		if _, err := findPrefixList(region, id); err != nil {
			return nil, cloud.Errorf(missing, "The prefix list ID '%s' does not exist", id)
		}
	}
	return slices.DeleteFunc(prefixLists(region), func(l awsPrefixList) bool {
		return len(ids) > 0 && !slices.Contains(ids, l.id)
	}), nil
}

// DescribePrefixLists lists AWS's prefix lists with their content.
func (s *Service) DescribePrefixLists(ctx context.Context, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
	lists, err := choosePrefixLists(cloud.RegionOf(ctx), in.PrefixListIds, "InvalidPrefixListId.NotFound")
	if err != nil {
		return nil, err
	}
	answer := page[types.PrefixList]{set: filterSet[types.PrefixList]{named: map[string]func(*types.PrefixList) []string{
		"prefix-list-id":   func(l *types.PrefixList) []string { return text(l.PrefixListId) },
		"prefix-list-name": func(l *types.PrefixList) []string { return text(l.PrefixListName) },
	}}}
	for _, list := range lists {
		answer.add(list.id, types.PrefixList{PrefixListId: aws.String(list.id), PrefixListName: aws.String(list.name), Cidrs: list.blocks})
	}
	out := &ec2.DescribePrefixListsOutput{}
	out.PrefixLists, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	return out, err
}

// DescribeManagedPrefixLists lists prefix lists: AWS's, for the lab has none of the account's own.
func (s *Service) DescribeManagedPrefixLists(ctx context.Context, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	region := cloud.RegionOf(ctx)
	lists, err := choosePrefixLists(region, in.PrefixListIds, "InvalidPrefixListID.NotFound")
	if err != nil {
		return nil, err
	}
	answer := page[types.ManagedPrefixList]{set: filterSet[types.ManagedPrefixList]{
		tags: func(l *types.ManagedPrefixList) []types.Tag { return l.Tags },
		named: map[string]func(*types.ManagedPrefixList) []string{
			"owner-id":         func(l *types.ManagedPrefixList) []string { return text(l.OwnerId) },
			"prefix-list-id":   func(l *types.ManagedPrefixList) []string { return text(l.PrefixListId) },
			"prefix-list-name": func(l *types.ManagedPrefixList) []string { return text(l.PrefixListName) },
		},
	}}
	for _, list := range lists {
		answer.add(list.id, types.ManagedPrefixList{
			PrefixListId: aws.String(list.id), PrefixListName: aws.String(list.name), OwnerId: aws.String("AWS"),
			AddressFamily: aws.String("IPv4"), State: types.PrefixListStateCreateComplete, Version: aws.Int64(1),
			PrefixListArn: aws.String("arn:aws:ec2:" + region + ":aws:prefix-list/" + list.id),
		})
	}
	out := &ec2.DescribeManagedPrefixListsOutput{}
	out.PrefixLists, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	return out, err
}

// GetManagedPrefixListEntries lists the content of a prefix list.
func (s *Service) GetManagedPrefixListEntries(ctx context.Context, in *ec2.GetManagedPrefixListEntriesInput) (*ec2.GetManagedPrefixListEntriesOutput, error) {
	if in.TargetVersion != nil && *in.TargetVersion != 1 {
		return nil, cloud.Errorf("InvalidPrefixListVersion", "The prefix list has only version 1, not %d", *in.TargetVersion)
	}
	list, err := findPrefixList(cloud.RegionOf(ctx), aws.ToString(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	answer := page[types.PrefixListEntry]{}
	for _, block := range list.blocks {
		answer.add(block, types.PrefixListEntry{Cidr: aws.String(block)})
	}
	out := &ec2.GetManagedPrefixListEntriesOutput{}
	out.Entries, out.NextToken, err = answer.cut(query{limit: in.MaxResults, token: in.NextToken})
	return out, err
}
