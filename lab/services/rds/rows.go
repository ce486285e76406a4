package rds

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

type clusterRow struct {
	Name       string
	ResourceID string // cluster-…
	Region     string
	Created    time.Time
	Status     string

	EngineVersion  string
	Database       string
	MasterUser     string
	Password       string // when RDS does not manage it
	Secret         string // ARN, when it does
	SecretKey      string
	Port           int32
	SubnetGroup    string
	VPC            string
	Zones          []string
	Groups         []string // security groups
	ParameterGroup string

	Encrypted    bool
	Key          string
	StorageType  string
	BackupDays   int32
	BackupWindow string
	Maintenance  string
	Exports      []string
	Protected    bool
	CopyTags     bool
	Insights     insights
	MinorUpgrade bool

	Writer  string // the instance that accepts writes, as last observed
	Order   int64  // generation of the last failover order
	Target  string // its target, a resource id
	Done    int64  // generation carried out
	Stopped bool
	Since   time.Time // when it was stopped
	Final   string    // of a cluster that is being deleted: the snapshot to take
	Rotated time.Time // the managed password
	// Credentials is the generation of the master password, Known the one that servers ask for.
	Credentials, Known int64
	Restorable         time.Time // since when its archived log reaches
}

type insights struct {
	On   bool
	Key  string
	Days int32
	Mode types.DatabaseInsightsMode
}

type instanceRow struct {
	Name       string
	ResourceID string // db-…
	Region     string
	Cluster    string
	Created    time.Time
	Order      int64 // of creation
	Status     string
	Class      string
	Zone       string
	Interface  string
	Address    string
	Tier       int32

	EngineVersion  string
	ParameterGroup string
	Authority      string
	CertificateEnd time.Time
	MinorUpgrade   bool
	CopyTags       bool
	Maintenance    string
	Insights       insights
	Monitoring     int32
	MonitoringRole string

	Restart        int64
	Modifying      bool // its class: a restart that shows as modifying
	PendingRestart bool
	Observed       bool // it was available once
	Synchronous    bool // commits may count on it
	Streaming      bool // a reader that is up to date or on its way
	Lagging        bool // a reader too far behind
	Storage        storage
}

// storage is how far a volume is filled, as far as it was told.
type storage string

const (
	storageIsFull storage = "full"
	storageIsLow  storage = "low"
)

type subnetGroupRow struct {
	Name        string
	Region      string
	Description string
	VPC         string
	Subnets     []subnetFact
}

type subnetFact struct{ ID, Zone string }

// parameterGroupRow is a cluster's or an instance's parameter group.
type parameterGroupRow struct {
	Name        string
	Region      string
	Family      string
	Description string
	Values      map[string]parameterValue // what the user has set
}

type parameterValue struct {
	Value  string
	Method types.ApplyMethod
}

type snapshotRow struct {
	Name    string
	Region  string
	Type    string // manual or automated
	Status  string
	Created time.Time
	Cluster clusterRow // as it was
}

type endpointRow struct {
	Name       string
	ResourceID string
	Region     string
	Cluster    string
	Kind       string // READER or ANY
	Static     []string
	Excluded   []string
}

type eventRow struct {
	ID         string
	Code       string // RDS-EVENT-…
	Source     types.SourceType
	Identifier string
	ARN        string
	Message    string
	Categories []string
	At         time.Time
	Severity   timeline.Severity
}

// subscriptionRow is an event subscription: what of whom goes to which topic.
type subscriptionRow struct {
	Name       string
	Region     string
	Created    time.Time
	Topic      string
	Source     types.SourceType // empty: of every type
	Sources    []string         // empty: of every resource of the type
	Categories []string         // empty: all
	Enabled    bool
}

// noticeRow is an event that a topic has to be told and was not yet.
type noticeRow struct {
	ID      string
	Region  string
	Topic   string
	Message string
}

type tagRow struct{ Tags map[string]string }

var (
	clusters        = cloud.NewTable[clusterRow]("rds.clusters")
	instances       = cloud.NewTable[instanceRow]("rds.instances")
	subnetGroups    = cloud.NewTable[subnetGroupRow]("rds.subnetgroups")
	clusterGroups   = cloud.NewTable[parameterGroupRow]("rds.clusterparametergroups")
	parameterGroups = cloud.NewTable[parameterGroupRow]("rds.parametergroups")
	snapshots       = cloud.NewTable[snapshotRow]("rds.clustersnapshots")
	endpoints       = cloud.NewTable[endpointRow]("rds.clusterendpoints")
	events          = cloud.NewTable[eventRow]("rds.events")
	subscriptions   = cloud.NewTable[subscriptionRow]("rds.eventsubscriptions")
	notices         = cloud.NewTable[noticeRow]("rds.notices")
	tags            = cloud.NewTable[tagRow]("rds.tags") // by ARN
)

// Statuses, from
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Aurora.Status
const (
	statusCreating    = "creating"
	statusAvailable   = "available"
	statusDeleting    = "deleting"
	statusRebooting   = "rebooting"
	statusFailingOver = "failing-over"
	statusStopping    = "stopping"
	statusStopped     = "stopped"
	statusStarting    = "starting"
	statusModifying   = "modifying"
	statusStorageFull = "storage-full"
	statusResetting   = "resetting-master-credentials"
)

func (c *clusterRow) arn() string         { return cloud.ARN("rds", c.Region, "cluster:"+c.Name) }
func (i *instanceRow) arn() string        { return cloud.ARN("rds", i.Region, "db:"+i.Name) }
func (g *subnetGroupRow) arn() string     { return cloud.ARN("rds", g.Region, "subgrp:"+g.Name) }
func (s *snapshotRow) arn() string        { return cloud.ARN("rds", s.Region, "cluster-snapshot:"+s.Name) }
func (s *subscriptionRow) arn() string    { return cloud.ARN("rds", s.Region, "es:"+s.Name) }
func (e *endpointRow) arn() string        { return cloud.ARN("rds", e.Region, "cluster-endpoint:"+e.Name) }
func groupARN(k, region, n string) string { return cloud.ARN("rds", region, k+":"+n) }

// nameOf takes an identifier or an ARN, in any case, as RDS does.
func nameOf(reference string) string {
	if strings.HasPrefix(reference, "arn:") {
		reference = reference[strings.LastIndex(reference, ":")+1:]
	}
	return strings.ToLower(reference)
}

func findCluster(tx *cloud.Tx, region, reference string) (*clusterRow, error) {
	row, err := clusters.Get(tx, region, nameOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "DBClusterNotFoundFault", "DBCluster %s not found.", nameOf(reference))
	}
	return row, err
}

func findInstance(tx *cloud.Tx, region, reference string) (*instanceRow, error) {
	row, err := instances.Get(tx, region, nameOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "DBInstanceNotFound", "DBInstance %s not found.", nameOf(reference))
	}
	return row, err
}

func findSubnetGroup(tx *cloud.Tx, region, name string) (*subnetGroupRow, error) {
	row, err := subnetGroups.Get(tx, region, nameOf(name))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "DBSubnetGroupNotFoundFault", "DB subnet group '%s' does not exist.", nameOf(name))
	}
	return row, err
}

// members returns the cluster's instances in the order of their creation.
func members(tx *cloud.Tx, region, cluster string) ([]*instanceRow, error) {
	all, err := instances.List(tx, region)
	if err != nil {
		return nil, err
	}
	var own []*instanceRow
	for _, row := range all {
		if row.Cluster == cluster {
			own = append(own, row)
		}
	}
	sortBy(own, func(a, b *instanceRow) int { return int(a.Order - b.Order) })
	return own, nil
}

// Gone is always true: what is left to be told is of the past.
func (*noticeRow) Gone() bool { return true }

// Gone is always true: an event is a record of the past.
func (*eventRow) Gone() bool { return true }
