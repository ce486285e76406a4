package ec2

import (
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/realm/vpc"
)

// What other services ask of EC2. All of it works inside the caller's transaction.
//
//	func (s *Service) Subnet(tx *cloud.Tx, region, id string) (*Subnet, error)
//	func (s *Service) CheckSecurityGroups(tx *cloud.Tx, region, vpcID string, ids []string) error
//	func (s *Service) CreateInterface(tx *cloud.Tx, region string, request InterfaceRequest) (*Interface, error)
//	func (s *Service) DeleteInterface(tx *cloud.Tx, region, id string) error
//	func (s *Service) SetInterfaceGroups(tx *cloud.Tx, region, id string, groups []string) error
//	func (s *Service) Interface(tx *cloud.Tx, region, id string) (*Interface, error)
//	func (s *Service) ResolveLaunchTemplate(tx *cloud.Tx, region string, ref types.LaunchTemplateSpecification) (LaunchTemplate, error)
//	func (s *Service) Launch(tx *cloud.Tx, region string, request LaunchRequest) (*Instance, error)
//	func (s *Service) Terminate(tx *cloud.Tx, region, instanceID, reason string) error
//	func (s *Service) Instance(tx *cloud.Tx, region, id string) (*Instance, error) // nil when unknown

// Subnet is what other services need of a subnet.
type Subnet struct {
	ID    string
	ARN   string
	VPCID string
	Zone  string
	CIDR  netip.Prefix
}

// InterfaceRequest asks for a requester-managed network interface, as balancers, databases, mount targets, NAT
// gateways, endpoints and firewalls own them. Its deletion is its owner's business: EC2 refuses a user's.
type InterfaceRequest struct {
	SubnetID       string
	SecurityGroups []string // empty: none are applied (RoleNAT, RoleFirewall)
	Description    string   // as AWS writes it, such as "ELB app/web/50dc6c495c0c9188"
	Type           types.NetworkInterfaceType
	RequesterID    string // such as "amazon-elb"
	Role           vpc.Role
	PublicIP       bool   // take a public address that AWS owns
	AllocationID   string // associate this elastic address instead
	Address        string // the wanted private address; empty: any
}

// Interface is a network interface as its owner sees it.
type Interface struct {
	ID       string
	SubnetID string
	VPCID    string
	Zone     string
	Address  string
	PublicIP string
	Groups   []string
}

// LaunchTemplate is one resolved version of a launch template.
type LaunchTemplate struct {
	ID      string
	Name    string
	Version int64
	Default int64 // the template's default version
	Latest  int64
	Data    types.ResponseLaunchTemplateData
}

// LaunchRequest asks for one instance of a launch template in a subnet; Auto Scaling uses it.
type LaunchRequest struct {
	LaunchTemplateID string
	Version          int64
	SubnetID         string
	Tags             map[string]string // added to those of the template's tag specifications
}

// Instance is an instance as Auto Scaling and Elastic Load Balancing see it.
type Instance struct {
	ID             string
	Type           string
	Zone           string
	SubnetID       string
	VPCID          string
	InterfaceID    string
	PrivateIP      string
	State          types.InstanceStateName
	LaunchedAt     time.Time
	StatusImpaired bool // a system or instance status check fails
	Template       types.LaunchTemplateSpecification
}
