package efs

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
)

var permissionsPattern = regexp.MustCompile(`^[0-7]{3,4}$`)

// CreateAccessPoint makes a directory that clients see as the root, as a user that they all act as.
func (s *Service) CreateAccessPoint(ctx context.Context, in *efs.CreateAccessPointInput) (*efs.CreateAccessPointOutput, error) {
	path := "/"
	var creation *types.CreationInfo
	if in.RootDirectory != nil {
		creation = in.RootDirectory.CreationInfo
		if in.RootDirectory.Path != nil {
			path = *in.RootDirectory.Path
		}
	}
	if err := checkRoot(path, creation); err != nil {
		return nil, err
	}
	out := &efs.CreateAccessPointOutput{}
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		system, err := usableFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err != nil {
			return err
		}
		row := &accessPointRow{
			ID: cloud.NewID("fsap"), Region: region, FileSystem: system.ID, Token: aws.ToString(in.ClientToken), State: types.LifeCycleStateAvailable,
			User: in.PosixUser, Path: path, Creation: creation,
		}
		if err := row.checkToken(tx); err != nil {
			return err
		}
		if row.Tags, err = addTags(nil, in.Tags); err != nil {
			return err
		}
		d := row.describe()
		*out = efs.CreateAccessPointOutput{
			AccessPointArn: d.AccessPointArn, AccessPointId: d.AccessPointId, ClientToken: d.ClientToken, FileSystemId: d.FileSystemId,
			LifeCycleState: d.LifeCycleState, Name: d.Name, OwnerId: d.OwnerId, PosixUser: d.PosixUser, RootDirectory: d.RootDirectory, Tags: d.Tags,
		}
		return accessPoints.Put(tx, region, row.ID, row)
	})
	return out, err
}

func checkRoot(path string, creation *types.CreationInfo) error {
	if !strings.HasPrefix(path, "/") || len(path) > 100 || strings.Count(strings.TrimSuffix(path, "/"), "/") > 4 || slices.Contains(strings.Split(path, "/"), "..") {
		return bad("Invalid path %q: it begins with / and has at most four subdirectories and 100 characters.", path)
	}
	if creation != nil && !permissionsPattern.MatchString(aws.ToString(creation.Permissions)) {
		return bad("Invalid permissions %q: expected three or four octal digits.", aws.ToString(creation.Permissions))
	}
	return nil
}

// checkToken refuses a second access point with one client token, and tells the first.
func (a *accessPointRow) checkToken(tx *cloud.Tx) error {
	all, err := accessPoints.List(tx, a.Region)
	for _, other := range all {
		if a.Token != "" && other.Token == a.Token {
			exists := cloud.StatusErrorf(409, "AccessPointAlreadyExists", "Access point '%s' already exists with client token '%s'", other.ID, a.Token)
			exists.Detail = map[string]string{"AccessPointId": other.ID, "ErrorCode": "AccessPointAlreadyExists"}
			return exists
		}
	}
	return err
}

func (a *accessPointRow) describe() types.AccessPointDescription {
	return types.AccessPointDescription{
		AccessPointId: aws.String(a.ID), AccessPointArn: aws.String(a.arn()), ClientToken: aws.String(a.Token), FileSystemId: aws.String(a.FileSystem),
		LifeCycleState: a.State, Name: nameTag(a.Tags), OwnerId: aws.String(cloud.Account), PosixUser: a.User, Tags: tagList(a.Tags),
		RootDirectory: &types.RootDirectory{Path: aws.String(a.Path), CreationInfo: a.Creation},
	}
}

// DescribeAccessPoints lists access points: all, a file system's, or one.
func (s *Service) DescribeAccessPoints(ctx context.Context, in *efs.DescribeAccessPointsInput) (*efs.DescribeAccessPointsOutput, error) {
	if in.AccessPointId != nil && in.FileSystemId != nil {
		return nil, bad("AccessPointId and FileSystemId are mutually exclusive.")
	}
	out := &efs.DescribeAccessPointsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := accessPoints.List(tx, region)
		switch {
		case in.AccessPointId != nil:
			var row *accessPointRow
			row, err = findAccessPoint(tx, region, *in.AccessPointId)
			all = []*accessPointRow{row}
		case in.FileSystemId != nil:
			if _, err := findFileSystem(tx, region, *in.FileSystemId); err != nil {
				return err
			}
			all, err = pointsOf(tx, region, idOf(*in.FileSystemId))
		}
		if err != nil {
			return err
		}
		items, next, err := page(all, func(a *accessPointRow) string { return a.ID }, in.NextToken, in.MaxResults)
		out.NextToken, out.AccessPoints = next, []types.AccessPointDescription{}
		for _, row := range items {
			out.AccessPoints = append(out.AccessPoints, row.describe())
		}
		return err
	})
	return out, err
}

// DeleteAccessPoint deletes an access point; its directory stays.
func (s *Service) DeleteAccessPoint(ctx context.Context, in *efs.DeleteAccessPointInput) (*efs.DeleteAccessPointOutput, error) {
	return &efs.DeleteAccessPointOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findAccessPoint(tx, region, aws.ToString(in.AccessPointId))
		if err != nil {
			return err
		}
		return accessPoints.Delete(tx, region, row.ID)
	})
}
