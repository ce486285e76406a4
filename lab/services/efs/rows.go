package efs

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
)

type fileSystemRow struct {
	ID          string
	Region      string
	Token       string
	Created     time.Time
	State       types.LifeCycleState
	Performance types.PerformanceMode
	Throughput  types.ThroughputMode
	Provisioned float64
	Encrypted   bool
	Key         string
	Zones       []string // where its copies are
	Tags        map[string]string
	Lifecycle   []types.LifecyclePolicy
	Backup      types.Status
	Policy      string
	Protection  types.ReplicationOverwriteProtection
}

type mountTargetRow struct {
	ID         string
	Region     string
	FileSystem string
	Subnet     string
	Zone       string
	VPC        string
	Interface  string
	Address    string
	State      types.LifeCycleState
}

type accessPointRow struct {
	ID         string
	Region     string
	FileSystem string
	Token      string
	State      types.LifeCycleState
	User       *types.PosixUser
	Path       string
	Creation   *types.CreationInfo
	Tags       map[string]string
}

// replicationRow is under the source's region and id.
type replicationRow struct {
	Source       string
	SourceRegion string
	Created      time.Time
	Destination  string
	Region       string
	Role         string
}

var (
	fileSystems  = cloud.NewTable[fileSystemRow]("efs.filesystems")
	mountTargets = cloud.NewTable[mountTargetRow]("efs.mounttargets")
	accessPoints = cloud.NewTable[accessPointRow]("efs.accesspoints")
	replications = cloud.NewTable[replicationRow]("efs.replications")
)

func (f *fileSystemRow) arn() string {
	return cloud.ARN("elasticfilesystem", f.Region, "file-system/"+f.ID)
}

func (a *accessPointRow) arn() string {
	return cloud.ARN("elasticfilesystem", a.Region, "access-point/"+a.ID)
}

// idOf takes an id or an ARN.
func idOf(reference string) string { return reference[strings.LastIndex(reference, "/")+1:] }

func findFileSystem(tx *cloud.Tx, region, reference string) (*fileSystemRow, error) {
	row, err := fileSystems.Get(tx, region, idOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "FileSystemNotFound", "File system '%s' does not exist.", idOf(reference))
	}
	return row, err
}

// usableFileSystem is findFileSystem for what needs it to be available.
func usableFileSystem(tx *cloud.Tx, region, reference string) (*fileSystemRow, error) {
	row, err := findFileSystem(tx, region, reference)
	if err == nil && row.State != types.LifeCycleStateAvailable {
		err = cloud.StatusErrorf(409, "IncorrectFileSystemLifeCycleState", "File system '%s' is in the life cycle state '%s'.", row.ID, row.State)
	}
	return row, err
}

func findMountTarget(tx *cloud.Tx, region, id string) (*mountTargetRow, error) {
	row, err := mountTargets.Get(tx, region, id)
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "MountTargetNotFound", "Mount target '%s' does not exist.", id)
	}
	return row, err
}

func findAccessPoint(tx *cloud.Tx, region, reference string) (*accessPointRow, error) {
	row, err := accessPoints.Get(tx, region, idOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "AccessPointNotFound", "Access point '%s' does not exist.", idOf(reference))
	}
	return row, err
}

func targetsOf(tx *cloud.Tx, region, fileSystem string) ([]*mountTargetRow, error) {
	all, err := mountTargets.List(tx, region)
	var own []*mountTargetRow
	for _, row := range all {
		if row.FileSystem == fileSystem {
			own = append(own, row)
		}
	}
	return own, err
}

func pointsOf(tx *cloud.Tx, region, fileSystem string) ([]*accessPointRow, error) {
	all, err := accessPoints.List(tx, region)
	var own []*accessPointRow
	for _, row := range all {
		if row.FileSystem == fileSystem {
			own = append(own, row)
		}
	}
	return own, err
}
