package efs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
	"haven/lab/services/kms"
)

const copies = 3 // zones that a file system is kept in, where the region has them

// CreateFileSystem makes a Regional file system. It is available when it is mounted over its zones.
func (s *Service) CreateFileSystem(ctx context.Context, in *efs.CreateFileSystemInput) (*efs.CreateFileSystemOutput, error) {
	if in.AvailabilityZoneName != nil {
		return nil, cloud.Unsupportedf("BadRequest", "One Zone file systems (AvailabilityZoneName)")
	}
	token := aws.ToString(in.CreationToken)
	out := &efs.CreateFileSystemOutput{}
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		if err := checkToken(tx, region, token); err != nil {
			return err
		}
		row, err := newFileSystem(tx, region, token, in)
		if err != nil {
			return err
		}
		d := s.describe(row, 0)
		*out = efs.CreateFileSystemOutput{
			CreationTime: d.CreationTime, CreationToken: d.CreationToken, FileSystemId: d.FileSystemId, FileSystemArn: d.FileSystemArn,
			LifeCycleState: d.LifeCycleState, NumberOfMountTargets: d.NumberOfMountTargets, OwnerId: d.OwnerId, PerformanceMode: d.PerformanceMode,
			SizeInBytes: d.SizeInBytes, Tags: d.Tags, Encrypted: d.Encrypted, KmsKeyId: d.KmsKeyId, Name: d.Name,
			ThroughputMode: d.ThroughputMode, ProvisionedThroughputInMibps: d.ProvisionedThroughputInMibps, FileSystemProtection: d.FileSystemProtection,
		}
		return fileSystems.Put(tx, region, row.ID, row)
	})
	return out, err
}

// checkToken refuses a second file system with one creation token, and tells the first.
func checkToken(tx *cloud.Tx, region, token string) error {
	all, err := fileSystems.List(tx, region)
	for _, row := range all {
		if row.Token == token {
			exists := cloud.StatusErrorf(409, "FileSystemAlreadyExists", "File system '%s' already exists with creation token '%s'", row.ID, token)
			exists.Detail = map[string]string{"FileSystemId": row.ID, "ErrorCode": "FileSystemAlreadyExists"}
			return exists
		}
	}
	return err
}

func newFileSystem(tx *cloud.Tx, region, token string, in *efs.CreateFileSystemInput) (*fileSystemRow, error) {
	place, _ := cloud.FindRegion(region)
	row := &fileSystemRow{
		ID: cloud.NewID("fs"), Region: region, Token: token, Created: time.Now().UTC(), State: types.LifeCycleStateCreating,
		Performance: in.PerformanceMode, Throughput: in.ThroughputMode, Provisioned: aws.ToFloat64(in.ProvisionedThroughputInMibps),
		Encrypted: aws.ToBool(in.Encrypted), Zones: place.Zones[:min(copies, len(place.Zones))], Backup: types.StatusDisabled,
		Protection: types.ReplicationOverwriteProtectionEnabled,
	}
	if row.Performance == "" {
		row.Performance = types.PerformanceModeGeneralPurpose
	}
	if row.Throughput == "" {
		row.Throughput = types.ThroughputModeBursting
	}
	if aws.ToBool(in.Backup) {
		row.Backup = types.StatusEnabled
	}
	if err := row.checkThroughput(); err != nil {
		return nil, err
	}
	if in.KmsKeyId != nil && !row.Encrypted {
		return nil, bad("KmsKeyId is set, but Encrypted is not true.")
	}
	if row.Encrypted {
		reference := aws.ToString(in.KmsKeyId)
		if reference == "" {
			reference = "alias/aws/elasticfilesystem"
		}
		key, err := kms.ResolveARN(tx, region, reference)
		if err != nil {
			return nil, bad("The KMS key %s can't be used: %v", reference, err)
		}
		row.Key = key
	}
	var err error
	row.Tags, err = addTags(nil, in.Tags)
	return row, err
}

func (f *fileSystemRow) checkThroughput() error {
	provisioned := f.Throughput == types.ThroughputModeProvisioned
	if provisioned != (f.Provisioned > 0) {
		return bad("ProvisionedThroughputInMibps is required if, and only if, ThroughputMode is provisioned.")
	}
	if f.Throughput == types.ThroughputModeElastic && f.Performance == types.PerformanceModeMaxIo {
		return bad("ThroughputMode elastic is not supported with PerformanceMode maxIO.")
	}
	return nil
}

func (s *Service) describe(f *fileSystemRow, targets int) types.FileSystemDescription {
	out := types.FileSystemDescription{
		FileSystemId: aws.String(f.ID), FileSystemArn: aws.String(f.arn()), CreationToken: aws.String(f.Token), CreationTime: aws.Time(f.Created),
		OwnerId: aws.String(cloud.Account), LifeCycleState: f.State, NumberOfMountTargets: int32(targets), PerformanceMode: f.Performance,
		ThroughputMode: f.Throughput, Encrypted: aws.Bool(f.Encrypted), Tags: tagList(f.Tags), Name: nameTag(f.Tags),
		FileSystemProtection: &types.FileSystemProtectionDescription{ReplicationOverwriteProtection: f.Protection},
		SizeInBytes:          s.size(f.ID),
	}
	if f.Key != "" {
		out.KmsKeyId = aws.String(f.Key)
	}
	if f.Provisioned > 0 {
		out.ProvisionedThroughputInMibps = aws.Float64(f.Provisioned)
	}
	return out
}

// emptySize is what EFS meters for an empty file system, in bytes.
const emptySize = 6144

// size tells what is stored, all of it on the standard storage class.
func (s *Service) size(id string) *types.FileSystemSize {
	used := int64(emptySize)
	if s.mirrors != nil {
		for _, seen := range s.mirrors.Observe() {
			if seen.ID == id {
				used = max(used, seen.Used)
			}
		}
	}
	return &types.FileSystemSize{
		Value: used, Timestamp: aws.Time(time.Now().UTC()), ValueInStandard: aws.Int64(used), ValueInIA: aws.Int64(0), ValueInArchive: aws.Int64(0),
	}
}

// DescribeFileSystems lists file systems.
func (s *Service) DescribeFileSystems(ctx context.Context, in *efs.DescribeFileSystemsInput) (*efs.DescribeFileSystemsOutput, error) {
	out := &efs.DescribeFileSystemsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := fileSystems.List(tx, region)
		if in.FileSystemId != nil {
			var row *fileSystemRow
			row, err = findFileSystem(tx, region, *in.FileSystemId)
			all = []*fileSystemRow{row}
		}
		if err != nil {
			return err
		}
		var chosen []*fileSystemRow
		for _, row := range all {
			if in.CreationToken == nil || row.Token == *in.CreationToken {
				chosen = append(chosen, row)
			}
		}
		items, next, err := page(chosen, func(f *fileSystemRow) string { return f.ID }, in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		out.Marker, out.NextMarker, out.FileSystems = in.Marker, next, []types.FileSystemDescription{}
		for _, row := range items {
			targets, err := targetsOf(tx, region, row.ID)
			if err != nil {
				return err
			}
			out.FileSystems = append(out.FileSystems, s.describe(row, len(targets)))
		}
		return nil
	})
	return out, err
}

// UpdateFileSystem changes the throughput mode.
func (s *Service) UpdateFileSystem(ctx context.Context, in *efs.UpdateFileSystemInput) (*efs.UpdateFileSystemOutput, error) {
	out := &efs.UpdateFileSystemOutput{}
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := usableFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err != nil {
			return err
		}
		if in.ThroughputMode != "" {
			row.Throughput = in.ThroughputMode
		}
		row.Provisioned = aws.ToFloat64(in.ProvisionedThroughputInMibps)
		if err := row.checkThroughput(); err != nil {
			return err
		}
		targets, err := targetsOf(tx, region, row.ID)
		if err != nil {
			return err
		}
		d := s.describe(row, len(targets))
		*out = efs.UpdateFileSystemOutput{
			CreationTime: d.CreationTime, CreationToken: d.CreationToken, FileSystemId: d.FileSystemId, FileSystemArn: d.FileSystemArn,
			LifeCycleState: d.LifeCycleState, NumberOfMountTargets: d.NumberOfMountTargets, OwnerId: d.OwnerId, PerformanceMode: d.PerformanceMode,
			SizeInBytes: d.SizeInBytes, Tags: d.Tags, Encrypted: d.Encrypted, KmsKeyId: d.KmsKeyId, Name: d.Name,
			ThroughputMode: d.ThroughputMode, ProvisionedThroughputInMibps: d.ProvisionedThroughputInMibps, FileSystemProtection: d.FileSystemProtection,
		}
		return fileSystems.Put(tx, region, row.ID, row)
	})
	return out, err
}

// DeleteFileSystem deletes a file system that has no mount targets and is not replicated.
func (s *Service) DeleteFileSystem(ctx context.Context, in *efs.DeleteFileSystemInput) (*efs.DeleteFileSystemOutput, error) {
	return &efs.DeleteFileSystemOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err != nil {
			return err
		}
		targets, err := targetsOf(tx, region, row.ID)
		if err != nil {
			return err
		}
		if len(targets) > 0 {
			return cloud.StatusErrorf(409, "FileSystemInUse", "File system '%s' has mount targets created in it.", row.ID)
		}
		replication, err := replications.Get(tx, region, row.ID)
		if err != nil {
			return err
		}
		if replication != nil {
			return cloud.StatusErrorf(409, "FileSystemInUse", "File system '%s' is part of a replication configuration.", row.ID)
		}
		points, err := pointsOf(tx, region, row.ID)
		if err != nil {
			return err
		}
		for _, point := range points {
			if err := accessPoints.Delete(tx, region, point.ID); err != nil {
				return err
			}
		}
		return fileSystems.Delete(tx, region, row.ID)
	})
}

// UpdateFileSystemProtection says whether the file system may be the destination of a replication.
func (s *Service) UpdateFileSystemProtection(ctx context.Context, in *efs.UpdateFileSystemProtectionInput) (*efs.UpdateFileSystemProtectionOutput, error) {
	out := &efs.UpdateFileSystemProtectionOutput{}
	err := s.change(ctx, in.FileSystemId, func(row *fileSystemRow) error {
		if in.ReplicationOverwriteProtection != "" {
			row.Protection = in.ReplicationOverwriteProtection
		}
		out.ReplicationOverwriteProtection = row.Protection
		return nil
	})
	return out, err
}

// change changes one file system.
func (s *Service) change(ctx context.Context, reference *string, change func(row *fileSystemRow) error) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findFileSystem(tx, region, aws.ToString(reference))
		if err != nil {
			return err
		}
		if err := change(row); err != nil {
			return err
		}
		return fileSystems.Put(tx, region, row.ID, row)
	})
}

// PutLifecycleConfiguration keeps the lifecycle policies.
func (s *Service) PutLifecycleConfiguration(ctx context.Context, in *efs.PutLifecycleConfigurationInput) (*efs.PutLifecycleConfigurationOutput, error) {
	for _, policy := range in.LifecyclePolicies {
		set := 0
		for _, rule := range []string{string(policy.TransitionToIA), string(policy.TransitionToArchive), string(policy.TransitionToPrimaryStorageClass)} {
			if rule != "" {
				set++
			}
		}
		if set != 1 {
			return nil, bad("Each LifecyclePolicy object must have exactly one transition.")
		}
	}
	err := s.change(ctx, in.FileSystemId, func(row *fileSystemRow) error {
		row.Lifecycle = in.LifecyclePolicies
		return nil
	})
	return &efs.PutLifecycleConfigurationOutput{LifecyclePolicies: in.LifecyclePolicies}, err
}

// DescribeLifecycleConfiguration returns the lifecycle policies.
func (s *Service) DescribeLifecycleConfiguration(ctx context.Context, in *efs.DescribeLifecycleConfigurationInput) (*efs.DescribeLifecycleConfigurationOutput, error) {
	out := &efs.DescribeLifecycleConfigurationOutput{LifecyclePolicies: []types.LifecyclePolicy{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err == nil && row.Lifecycle != nil {
			out.LifecyclePolicies = row.Lifecycle
		}
		return err
	})
	return out, err
}

// PutBackupPolicy keeps whether automatic backups are on. None are made: package backup is a later matter.
func (s *Service) PutBackupPolicy(ctx context.Context, in *efs.PutBackupPolicyInput) (*efs.PutBackupPolicyOutput, error) {
	status := in.BackupPolicy.Status
	if status != types.StatusEnabled && status != types.StatusDisabled {
		return nil, cloud.Errorf("ValidationException", "Backup policy status must be ENABLED or DISABLED.")
	}
	err := s.change(ctx, in.FileSystemId, func(row *fileSystemRow) error {
		row.Backup = status
		return nil
	})
	return &efs.PutBackupPolicyOutput{BackupPolicy: &types.BackupPolicy{Status: status}}, err
}

// DescribeBackupPolicy returns whether automatic backups are on.
func (s *Service) DescribeBackupPolicy(ctx context.Context, in *efs.DescribeBackupPolicyInput) (*efs.DescribeBackupPolicyOutput, error) {
	out := &efs.DescribeBackupPolicyOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err == nil {
			out.BackupPolicy = &types.BackupPolicy{Status: row.Backup}
		}
		return err
	})
	return out, err
}
