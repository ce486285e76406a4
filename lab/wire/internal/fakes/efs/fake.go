// Package efs is a small service in the rest-json protocol, for the wire's own tests.
package efs

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
)

// Service keeps the last inputs.
type Service struct{ Untag *efs.UntagResourceInput }

// CreateFileSystem echoes; its status is 201.
func (s *Service) CreateFileSystem(_ context.Context, in *efs.CreateFileSystemInput) (*efs.CreateFileSystemOutput, error) {
	return &efs.CreateFileSystemOutput{
		FileSystemId: aws.String("fs-1"), CreationToken: in.CreationToken, Encrypted: in.Encrypted, Tags: in.Tags,
		CreationTime: aws.Time(time.UnixMilli(1767322400500)), NumberOfMountTargets: 2,
		SizeInBytes: &types.FileSystemSize{Value: 6144}, LifeCycleState: types.LifeCycleStateAvailable,
	}, nil
}

// DescribeFileSystems finds nothing by query parameters.
func (s *Service) DescribeFileSystems(_ context.Context, in *efs.DescribeFileSystemsInput) (*efs.DescribeFileSystemsOutput, error) {
	if in.FileSystemId != nil {
		return nil, cloud.Errorf("FileSystemNotFound", "File system '%s' does not exist.", *in.FileSystemId)
	}
	return &efs.DescribeFileSystemsOutput{Marker: in.Marker}, nil
}

// UntagResource has a list in the query and an ARN in the path.
func (s *Service) UntagResource(_ context.Context, in *efs.UntagResourceInput) (*efs.UntagResourceOutput, error) {
	s.Untag = &efs.UntagResourceInput{ResourceId: in.ResourceId, TagKeys: in.TagKeys}
	return &efs.UntagResourceOutput{}, nil
}

// DeleteFileSystem refuses with a status of its own.
func (s *Service) DeleteFileSystem(_ context.Context, in *efs.DeleteFileSystemInput) (*efs.DeleteFileSystemOutput, error) {
	return nil, cloud.StatusErrorf(http.StatusConflict, "FileSystemInUse", "%s is in use", aws.ToString(in.FileSystemId))
}
