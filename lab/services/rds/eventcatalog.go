package rds

import (
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/timeline"
)

// happening is a kind of event as RDS documents it: id, category and text. How much it matters is for the timeline.
type happening struct {
	ID, Category, Text string
	Severity           timeline.Severity
}

// What happens to clusters, instances, parameter groups and snapshots:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
var (
	clusterCreated      = happening{"RDS-EVENT-0170", "creation", "DB cluster created.", timeline.Good}
	clusterDeleted      = happening{"RDS-EVENT-0171", "deletion", "DB cluster deleted.", timeline.Info}
	clusterStopped      = happening{"RDS-EVENT-0150", "notification", "DB cluster stopped.", timeline.Warning}
	clusterStarted      = happening{"RDS-EVENT-0151", "notification", "DB cluster started.", timeline.Good}
	clusterStartedAgain = happening{"RDS-EVENT-0153", "notification", "DB cluster is being started due to it exceeding the maximum allowed time being stopped.", timeline.Info}
	clusterUpgraded     = happening{"RDS-EVENT-0173", "maintenance", "Database cluster engine version has been upgraded.", timeline.Info}
	credentialsReset    = happening{"RDS-EVENT-0016", "configuration change", "Reset master credentials.", timeline.Info}
	failoverFailed      = happening{"RDS-EVENT-0069", "failover", "Cluster failover failed, check the health of your cluster instances and try again.", timeline.Critical}
	promotingPrevious   = happening{"RDS-EVENT-0070", "failover", "Promoting previous primary again: %s.", timeline.Warning}
	failoverCompleted   = happening{"RDS-EVENT-0071", "failover", "Completed failover to DB instance: %s.", timeline.Good}
	failoverSameZone    = happening{"RDS-EVENT-0072", "failover", "Started same AZ failover to DB instance: %s.", timeline.Warning}
	failoverCrossZone   = happening{"RDS-EVENT-0073", "failover", "Started cross AZ failover to DB instance: %s.", timeline.Warning}

	instanceCreated    = happening{"RDS-EVENT-0005", "creation", "DB instance created.", timeline.Good}
	instanceDeleted    = happening{"RDS-EVENT-0003", "deletion", "DB instance deleted.", timeline.Info}
	instanceShutdown   = happening{"RDS-EVENT-0004", "availability", "DB instance shutdown.", timeline.Info}
	instanceRestarted  = happening{"RDS-EVENT-0006", "availability", "DB instance restarted.", timeline.Good}
	instanceStopped    = happening{"RDS-EVENT-0087", "notification", "DB instance stopped.", timeline.Info}
	instanceStarted    = happening{"RDS-EVENT-0088", "notification", "DB instance started.", timeline.Info}
	groupChosen        = happening{"RDS-EVENT-0011", "configuration change", "Updated to use DBParameterGroup %s.", timeline.Info}
	classChanging      = happening{"RDS-EVENT-0012", "configuration change", "Applying modification to database instance class.", timeline.Info}
	classChanged       = happening{"RDS-EVENT-0014", "configuration change", "Finished applying modification to DB instance class.", timeline.Info}
	recoveryStarted    = happening{"RDS-EVENT-0020", "recovery", "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.", timeline.Critical}
	recoveryComplete   = happening{"RDS-EVENT-0021", "recovery", "Recovery of the DB instance is complete.", timeline.Good}
	storageExhausted   = happening{"RDS-EVENT-0007", "low storage", "Allocated storage has been exhausted. Allocate additional storage to resolve.", timeline.Critical}
	storageLow         = happening{"RDS-EVENT-0089", "low storage", "The free storage capacity for DB instance: %s is low at %d%% of the provisioned storage [Provisioned Storage: %s, Free Storage: %s]. You may want to increase the provisioned storage to address this issue.", timeline.Warning}
	replicationStopped = happening{"RDS-EVENT-0045", "read replica", "Replication has stopped.", timeline.Warning}
	replicationResumed = happening{"RDS-EVENT-0046", "read replica", "Replication for the Read Replica resumed.", timeline.Good}
	topologyUpdated    = happening{"RDS-EVENT-0385", "notification", "Cluster topology is updated.", timeline.Info}

	parameterUpdated = happening{"RDS-EVENT-0037", "configuration change", "Updated parameter %s to %s with apply method %s.", timeline.Info}
	snapshotStarted  = happening{"RDS-EVENT-0074", "backup", "Creating manual cluster snapshot.", timeline.Info}
	snapshotCreated  = happening{"RDS-EVENT-0075", "backup", "Manual cluster snapshot created.", timeline.Good}
)

// categories are what events of a source can be subscribed to by.
var categories = map[types.SourceType][]string{
	types.SourceTypeDbCluster: {"configuration change", "creation", "deletion", "failover", "failure", "global failover", "maintenance", "notification"},
	types.SourceTypeDbInstance: {
		"availability", "backtrack", "configuration change", "creation", "deletion", "failover", "failure", "low storage", "maintenance",
		"notification", "read replica", "recovery", "restoration", "security patching",
	},
	types.SourceTypeDbClusterSnapshot: {"backup", "failure", "notification"},
	types.SourceTypeDbParameterGroup:  {"configuration change"},
}
