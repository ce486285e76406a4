package ec2

import (
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

type vpcRow struct {
	meta
	CIDRs               []cidrAssociation // the first is the VPC's own
	Tenancy             types.Tenancy
	DNSSupport          bool
	DNSHostnames        bool
	AddressUsageMetrics bool
}

type cidrAssociation struct {
	ID   string
	CIDR netip.Prefix
}

type subnetRow struct {
	meta
	VPC          string
	Zone         string
	CIDR         netip.Prefix
	MapPublicIP  bool
	HostnameType types.HostnameType
	ResourceDNS  bool // resource-name A records
	ACL          string
	ACLAssoc     string // the association's id; there is always one
}

// addressRow holds one private address of a subnet, under "<subnet>/<address>".
type addressRow struct{ Interface string }

// publicRow holds one public address, under itself: an interface's own, or an elastic one.
type publicRow struct {
	Interface  string `json:",omitempty"`
	Allocation string `json:",omitempty"`
}

type interfaceRow struct {
	meta
	Subnet      string
	VPC         string
	Zone        string
	Address     netip.Addr
	MAC         string
	Groups      []string
	Description string
	Type        types.NetworkInterfaceType
	Requester   string // the service that owns it; empty: the user
	Role        vpc.Role
	Public      netip.Addr // of AWS's pool, for the interface's life; elastic ones point here instead
	AutoPublic  bool       // take a public address of AWS's pool whenever the instance starts
	NoCheck     bool       // source/destination check is off
	Attachment  *attachment
}

type attachment struct {
	ID                  string
	Instance            string // empty: of a service
	Device              int32
	DeleteOnTermination bool
	At                  time.Time
}

type securityGroupRow struct {
	meta
	VPC         string
	Name        string
	Description string
}

// groupRuleRow is one rule of a security group: exactly one of CIDR, Group and PrefixList is set.
type groupRuleRow struct {
	meta
	Group       string
	Egress      bool
	Protocol    string // "tcp", "udp", "icmp", "-1" or a number
	From, To    int32
	CIDR        netip.Prefix
	Peer        string // a security group
	PrefixList  string
	Description string
}

type launchTemplateRow struct {
	meta
	Name      string
	CreatedBy string
	Default   int64
	Latest    int64 // of those that are left
	Numbered  int64 // the highest number that a version ever had
}

// templateVersionRow is stored under "<template>/<version>", the version padded so that they sort.
type templateVersionRow struct {
	Template    string
	Version     int64
	Description string
	Created     time.Time
	CreatedBy   string
	Data        types.ResponseLaunchTemplateData
}

var (
	vpcs = kind[vpcRow, *vpcRow]{
		Table: cloud.NewTable[vpcRow]("ec2.vpcs"), resource: types.ResourceTypeVpc, prefix: "vpc",
		noun: "vpc ID", missing: "InvalidVpcID.NotFound", malformed: "InvalidVpcId.Malformed",
	}
	subnets = kind[subnetRow, *subnetRow]{
		Table: cloud.NewTable[subnetRow]("ec2.subnets"), resource: types.ResourceTypeSubnet, prefix: "subnet",
		noun: "subnet ID", missing: "InvalidSubnetID.NotFound", malformed: "InvalidSubnetId.Malformed",
	}
	interfaces = kind[interfaceRow, *interfaceRow]{
		Table: cloud.NewTable[interfaceRow]("ec2.interfaces"), resource: types.ResourceTypeNetworkInterface, prefix: "eni",
		noun: "networkInterface ID", missing: "InvalidNetworkInterfaceID.NotFound", malformed: "InvalidNetworkInterfaceId.Malformed",
	}
	securityGroups = kind[securityGroupRow, *securityGroupRow]{
		Table: cloud.NewTable[securityGroupRow]("ec2.security-groups"), resource: types.ResourceTypeSecurityGroup, prefix: "sg",
		noun: "security group", missing: "InvalidGroup.NotFound", malformed: "InvalidGroupId.Malformed",
	}
	groupRules = kind[groupRuleRow, *groupRuleRow]{
		Table: cloud.NewTable[groupRuleRow]("ec2.security-group-rules"), resource: types.ResourceTypeSecurityGroupRule, prefix: "sgr",
		noun: "security group rule ID", missing: "InvalidSecurityGroupRuleId.NotFound", malformed: "InvalidSecurityGroupRuleId.Malformed",
	}
	launchTemplates = kind[launchTemplateRow, *launchTemplateRow]{
		Table: cloud.NewTable[launchTemplateRow]("ec2.launch-templates"), resource: types.ResourceTypeLaunchTemplate, prefix: "lt",
		noun: "specified launch template, with template ID", missing: "InvalidLaunchTemplateId.NotFound", malformed: "InvalidLaunchTemplateId.Malformed",
	}

	elastics = kind[elasticRow, *elasticRow]{
		Table: cloud.NewTable[elasticRow]("ec2.elastic-addresses"), resource: types.ResourceTypeElasticIp, prefix: "eipalloc",
		noun: "allocation ID", missing: "InvalidAllocationID.NotFound",
	}
	instances = kind[instanceRow, *instanceRow]{
		Table: cloud.NewTable[instanceRow]("ec2.instances"), resource: types.ResourceTypeInstance, prefix: "i",
		noun: "instance ID", missing: "InvalidInstanceID.NotFound", malformed: "InvalidInstanceID.Malformed",
	}
	volumes = kind[volumeRow, *volumeRow]{
		Table: cloud.NewTable[volumeRow]("ec2.volumes"), resource: types.ResourceTypeVolume, prefix: "vol",
		noun: "volume", missing: "InvalidVolume.NotFound", malformed: "InvalidParameterValue",
	}

	privateAddresses = cloud.NewTable[addressRow]("ec2.private-addresses")
	publicAddresses  = cloud.NewTable[publicRow]("ec2.public-addresses")
	templateVersions = cloud.NewTable[templateVersionRow]("ec2.launch-template-versions")
)
