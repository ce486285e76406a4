package overview

import (
	"time"

	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	fwtypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/traffic"
)

// Facts are what is known of a region: what its API answers, and what the realm counts.
type Facts struct {
	Region string
	Zones  []string // all that the region has
	Time   time.Time
	Realm  string // "running", or why nothing can run

	Instances   []ec2types.Instance
	Statuses    []ec2types.InstanceStatus
	Subnets     []ec2types.Subnet
	NATs        []ec2types.NatGateway
	Doors       []ec2types.VpcEndpoint // firewall endpoints among them
	Firewalls   []Firewall
	Balancers   []elbtypes.LoadBalancer
	Nodes       []BalancerNode
	Targets     []TargetGroup
	Groups      []astypes.AutoScalingGroup
	Refreshes   []astypes.InstanceRefresh
	Activities  []astypes.Activity
	Clusters    []rdstypes.DBCluster
	Databases   []rdstypes.DBInstance
	Members     map[string]DatabaseMember // by the instance's identifier
	FileSystems []efstypes.FileSystemDescription
	Mounts      []efstypes.MountTargetDescription
	Disks       map[string]Disks // by file system
	Alarms      []Alarm
	Faults      []Fault

	Flow    func(interfaceID string) (received, sent float64) // bytes per second; nil: nothing is counted
	Target  func(address string) (requests, errors float64)   // per second; nil: nothing is counted
	Traffic func(interfaces ...string) traffic.Sample         // of balancer nodes; nil: nothing is counted
}

// Firewall is a firewall and its status.
type Firewall struct {
	Name   string
	Status *fwtypes.FirewallStatus
}

// BalancerNode is a balancer's node.
type BalancerNode struct {
	Balancer, Zone, Interface, Private, Public, Loopback string
	Ports                                                []int
	Running                                              bool
	Reason                                               string
}

// TargetGroup is a target group with its targets' health.
type TargetGroup struct {
	Name   string
	Health []elbtypes.TargetHealthDescription
}

// DatabaseMember is what the realm knows of a database instance.
type DatabaseMember struct {
	Interface   string
	Phase       string // in the realm's words
	Reason      string // why it is not available
	Streaming   bool   // the writer streams to it
	Synchronous bool
	Lag         time.Duration
}

// Disks is what the realm knows of a file system.
type Disks struct {
	Ready   bool
	Reason  string
	Copies  map[string]string // by zone: "healthy", "lost" or "healing"
	Used    int64             // bytes
	Serving map[string]bool   // by mount target
	Clients map[string]int    // by mount target
}
