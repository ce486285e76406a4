package networkfirewall

import (
	"context"
	"log/slog"

	"haven/lab/cloud"
	"haven/lab/services/ec2"
)

// Endpoints is what EC2 does for firewalls.
type Endpoints interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	VPCBlocks(tx *cloud.Tx, region, vpcID string) ([]string, error)
	CreateFirewallEndpoint(tx *cloud.Tx, region, subnetID, firewallARN string) (endpointID, interfaceID string, err error)
	DeleteFirewallEndpoint(tx *cloud.Tx, region, endpointID string) error
}

// Logs keeps lines in a CloudWatch log group.
type Logs interface {
	Put(ctx context.Context, region, group, stream string, lines []string) error
}

// Service answers Network Firewall's API and tells EC2 what its endpoints do.
type Service struct {
	store     *cloud.Store
	endpoints Endpoints
	logs      Logs
	log       *slog.Logger
}

// New returns the service. Events of endpoints go to logs, when a firewall's logging configuration says so.
func New(store *cloud.Store, endpoints Endpoints, logs Logs, log *slog.Logger) *Service {
	return &Service{store: store, endpoints: endpoints, logs: logs, log: log}
}
