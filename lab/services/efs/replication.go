package efs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
)

// CreateReplicationConfiguration records a replication and makes its destination; no data is copied.
func (s *Service) CreateReplicationConfiguration(ctx context.Context, in *efs.CreateReplicationConfigurationInput) (*efs.CreateReplicationConfigurationOutput, error) {
	if len(in.Destinations) != 1 {
		return nil, bad("A replication configuration has exactly one destination.")
	}
	wanted := in.Destinations[0]
	if wanted.AvailabilityZoneName != nil {
		return nil, cloud.Unsupportedf("BadRequest", "One Zone destinations (AvailabilityZoneName)")
	}
	out := &efs.CreateReplicationConfigurationOutput{}
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		source, err := usableFileSystem(tx, region, aws.ToString(in.SourceFileSystemId))
		if err != nil {
			return err
		}
		if existing, err := replications.Get(tx, region, source.ID); err != nil || existing != nil {
			if err == nil {
				err = cloud.StatusErrorf(409, "ReplicationAlreadyExists", "File system '%s' is replicated already.", source.ID)
			}
			return err
		}
		row := &replicationRow{Source: source.ID, SourceRegion: region, Created: time.Now().UTC(), Region: aws.ToString(wanted.Region), Role: aws.ToString(wanted.RoleArn)}
		if row.Region == "" {
			row.Region = region
		}
		if _, ok := cloud.FindRegion(row.Region); !ok {
			return bad("The lab has no region %s.", row.Region)
		}
		if err := row.prepare(tx, source, wanted); err != nil {
			return err
		}
		d := row.describe()
		*out = efs.CreateReplicationConfigurationOutput{
			CreationTime: d.CreationTime, Destinations: d.Destinations, OriginalSourceFileSystemArn: d.OriginalSourceFileSystemArn,
			SourceFileSystemArn: d.SourceFileSystemArn, SourceFileSystemId: d.SourceFileSystemId, SourceFileSystemRegion: d.SourceFileSystemRegion,
			SourceFileSystemOwnerId: d.SourceFileSystemOwnerId,
		}
		return replications.Put(tx, region, source.ID, row)
	})
	return out, err
}

// prepare takes the destination that was named, or makes one like the source.
func (r *replicationRow) prepare(tx *cloud.Tx, source *fileSystemRow, wanted types.DestinationToCreate) error {
	if wanted.FileSystemId != nil {
		destination, err := usableFileSystem(tx, r.Region, *wanted.FileSystemId)
		if err != nil {
			return err
		}
		if destination.Protection != types.ReplicationOverwriteProtectionDisabled {
			return cloud.StatusErrorf(409, "ConflictException", "File system '%s' is protected from being overwritten by a replication.", destination.ID)
		}
		r.Destination, destination.Protection = destination.ID, types.ReplicationOverwriteProtectionReplicating
		return fileSystems.Put(tx, r.Region, destination.ID, destination)
	}
	in := &efs.CreateFileSystemInput{PerformanceMode: source.Performance, ThroughputMode: types.ThroughputModeBursting, Encrypted: aws.Bool(source.Encrypted || wanted.KmsKeyId != nil), KmsKeyId: wanted.KmsKeyId}
	made, err := newFileSystem(tx, r.Region, "destination-fs-"+cloud.NewUUID(), in)
	if err != nil {
		return err
	}
	made.Protection = types.ReplicationOverwriteProtectionReplicating
	r.Destination = made.ID
	return fileSystems.Put(tx, r.Region, made.ID, made)
}

func (r *replicationRow) describe() types.ReplicationConfigurationDescription {
	arn := cloud.ARN("elasticfilesystem", r.SourceRegion, "file-system/"+r.Source)
	destination := types.Destination{
		FileSystemId: aws.String(r.Destination), Region: aws.String(r.Region), Status: types.ReplicationStatusEnabled,
		OwnerId: aws.String(cloud.Account), // and no LastReplicatedTimestamp: nothing ever is
	}
	if r.Role != "" {
		destination.RoleArn = aws.String(r.Role)
	}
	return types.ReplicationConfigurationDescription{
		CreationTime: aws.Time(r.Created), SourceFileSystemId: aws.String(r.Source), SourceFileSystemArn: aws.String(arn), OriginalSourceFileSystemArn: aws.String(arn),
		SourceFileSystemRegion: aws.String(r.SourceRegion), SourceFileSystemOwnerId: aws.String(cloud.Account), Destinations: []types.Destination{destination},
	}
}

// DescribeReplicationConfigurations lists replications of the call's region, by source or destination.
func (s *Service) DescribeReplicationConfigurations(ctx context.Context, in *efs.DescribeReplicationConfigurationsInput) (*efs.DescribeReplicationConfigurationsOutput, error) {
	out := &efs.DescribeReplicationConfigurationsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := replications.ListAll(tx)
		if err != nil {
			return err
		}
		wanted := idOf(aws.ToString(in.FileSystemId))
		var chosen []*replicationRow
		for _, r := range all {
			here := r.SourceRegion == region || r.Region == region
			if here && (wanted == "" || wanted == r.Source || wanted == r.Destination) {
				chosen = append(chosen, r)
			}
		}
		if wanted != "" && len(chosen) == 0 {
			if _, err := findFileSystem(tx, region, wanted); err != nil {
				return err
			}
			return cloud.StatusErrorf(404, "ReplicationNotFound", "File system '%s' has no replication configuration.", wanted)
		}
		items, next, err := page(chosen, func(r *replicationRow) string { return r.Source }, in.NextToken, in.MaxResults)
		out.NextToken, out.Replications = next, []types.ReplicationConfigurationDescription{}
		for _, r := range items {
			out.Replications = append(out.Replications, r.describe())
		}
		return err
	})
	return out, err
}

// DeleteReplicationConfiguration ends a replication, from either region; the destination stays and may be written to.
func (s *Service) DeleteReplicationConfiguration(ctx context.Context, in *efs.DeleteReplicationConfigurationInput) (*efs.DeleteReplicationConfigurationOutput, error) {
	_ = in.DeletionMode // the same in the lab: both regions are in one store
	source := idOf(aws.ToString(in.SourceFileSystemId))
	return &efs.DeleteReplicationConfigurationOutput{}, s.update(ctx, func(tx *cloud.Tx, _ string) error {
		all, err := replications.ListAll(tx)
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.Source != source {
				continue
			}
			destination, err := fileSystems.Get(tx, r.Region, r.Destination)
			if err != nil {
				return err
			}
			if destination != nil {
				destination.Protection = types.ReplicationOverwriteProtectionEnabled
				if err := fileSystems.Put(tx, r.Region, r.Destination, destination); err != nil {
					return err
				}
			}
			return replications.Delete(tx, r.SourceRegion, r.Source)
		}
		return cloud.StatusErrorf(404, "ReplicationNotFound", "File system '%s' has no replication configuration.", source)
	})
}
