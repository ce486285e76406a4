package ec2

import (
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// surroundings is what showing many instances or interfaces needs of other tables, read once.
type surroundings struct {
	region string
	nics   map[string]*interfaceRow
	groups map[string]string      // names by id
	public map[string]*elasticRow // by interface
	names  map[string]bool        // VPCs with DNS host names
}

func survey(tx *cloud.Tx, region string) (*surroundings, error) {
	around := &surroundings{
		region: region, nics: map[string]*interfaceRow{}, groups: map[string]string{}, public: map[string]*elasticRow{}, names: map[string]bool{},
	}
	nics, err := interfaces.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, nic := range nics {
		around.nics[nic.ID] = nic
	}
	groups, err := securityGroups.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		around.groups[group.ID] = group.Name
	}
	addresses, err := elastics.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		around.public[address.Interface] = address
	}
	networks, err := vpcs.List(tx, region)
	for _, network := range networks {
		around.names[network.ID] = network.DNSHostnames && network.DNSSupport
	}
	return around, err
}

// publicOf returns an interface's public address and name; the name is empty where the VPC gives none.
func (a *surroundings) publicOf(nic *interfaceRow) (addr netip.Addr, name string, elastic *elasticRow) {
	addr = nic.Public
	if elastic = a.public[nic.ID]; elastic != nil {
		addr = elastic.Public
	}
	if addr.IsValid() && a.names[nic.VPC] {
		name = publicName(a.region, addr)
	}
	return addr, name, elastic
}

func (a *surroundings) groupsOf(nic *interfaceRow) []types.GroupIdentifier {
	var groups []types.GroupIdentifier
	for _, id := range nic.Groups {
		groups = append(groups, types.GroupIdentifier{GroupId: aws.String(id), GroupName: aws.String(a.groups[id])})
	}
	return groups
}

// privateName is the DNS name that a VPC gives an address
// (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames).
func privateName(region, address string) string {
	suffix := region + ".compute.internal"
	if region == "us-east-1" {
		suffix = "ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(address, ".", "-") + "." + suffix
}

func publicName(region string, addr netip.Addr) string {
	suffix := region + ".compute.amazonaws.com"
	if region == "us-east-1" {
		suffix = "compute-1.amazonaws.com"
	}
	return "ec2-" + strings.ReplaceAll(addr.String(), ".", "-") + "." + suffix
}

// stateCodes are the numbers of the states in the API.
var stateCodes = map[types.InstanceStateName]int32{
	types.InstanceStateNamePending: 0, types.InstanceStateNameRunning: 16, types.InstanceStateNameShuttingDown: 32,
	types.InstanceStateNameTerminated: 48, types.InstanceStateNameStopping: 64, types.InstanceStateNameStopped: 80,
}

func showState(name types.InstanceStateName) *types.InstanceState {
	return &types.InstanceState{Name: name, Code: aws.Int32(stateCodes[name])}
}

func showReservation(tx *cloud.Tx, region, reservation string) ([]types.Instance, error) {
	around, err := survey(tx, region)
	if err != nil {
		return nil, err
	}
	rows, err := instances.where(tx, region, func(r *instanceRow) bool { return r.Reservation == reservation })
	var shown []types.Instance
	for _, row := range rows {
		shown = append(shown, showInstance(row, around))
	}
	return shown, err
}

func showInstance(row *instanceRow, around *surroundings) types.Instance {
	from, _ := findImage(row.Image)
	kind, _ := findInstanceType(row.Type)
	shown := types.Instance{
		InstanceId: aws.String(row.ID), ImageId: aws.String(row.Image), InstanceType: types.InstanceType(row.Type), Architecture: row.Architecture,
		State: showState(row.State), StateTransitionReason: aws.String(row.Transition), LaunchTime: aws.Time(row.LaunchedAt),
		AmiLaunchIndex: aws.Int32(row.Index), ClientToken: optional(row.Token), Tags: tagList(row.Tags),
		EbsOptimized: aws.Bool(row.EBSOptimized), EnaSupport: aws.Bool(true), Hypervisor: types.HypervisorTypeXen,
		RootDeviceName: aws.String(from.rootDevice), RootDeviceType: types.DeviceTypeEbs, VirtualizationType: types.VirtualizationTypeHvm,
		PlatformDetails: aws.String("Linux/UNIX"), UsageOperation: aws.String("RunInstances"), UsageOperationUpdateTime: aws.Time(row.Created),
		Placement:          &types.Placement{AvailabilityZone: aws.String(row.Zone), AvailabilityZoneId: aws.String(cloud.ZoneID(row.Zone)), Tenancy: types.TenancyDefault, GroupName: aws.String("")},
		Monitoring:         &types.Monitoring{State: types.MonitoringStateDisabled},
		MetadataOptions:    row.Metadata.show(),
		CpuOptions:         &types.CpuOptions{CoreCount: aws.Int32(kind.cores()), ThreadsPerCore: aws.Int32(kind.threads())},
		EnclaveOptions:     &types.EnclaveOptions{Enabled: aws.Bool(false)},
		HibernationOptions: &types.HibernationOptions{Configured: aws.Bool(false)},
		MaintenanceOptions: &types.InstanceMaintenanceOptions{AutoRecovery: row.recovery()},
		CapacityReservationSpecification: &types.CapacityReservationSpecificationResponse{
			CapacityReservationPreference: types.CapacityReservationPreferenceOpen,
		},
		PrivateDnsNameOptions: &types.PrivateDnsNameOptionsResponse{
			HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: aws.Bool(false), EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
		PublicDnsName: aws.String(""), PrivateDnsName: aws.String(""),
	}
	if row.Reason != nil && row.State != types.InstanceStateNameRunning {
		shown.StateReason = &types.StateReason{Code: aws.String(row.Reason.Code), Message: aws.String(row.Reason.Message)}
	}
	if row.Monitoring {
		shown.Monitoring.State = types.MonitoringStateEnabled
	}
	if row.ProfileARN != "" {
		shown.IamInstanceProfile = &types.IamInstanceProfile{Arn: aws.String(row.ProfileARN), Id: aws.String(profileID(row.ProfileARN))}
	}
	for _, volume := range row.Volumes {
		shown.BlockDeviceMappings = append(shown.BlockDeviceMappings, showAttached(volume))
	}
	if nic := around.nics[row.Interface]; nic != nil {
		around.plug(&shown, nic)
	}
	return shown
}

func (i *instanceRow) recovery() types.InstanceAutoRecoveryState {
	if i.NoRecovery {
		return types.InstanceAutoRecoveryStateDisabled
	}
	return types.InstanceAutoRecoveryStateDefault
}

func showAttached(volume instanceVolume) types.InstanceBlockDeviceMapping {
	return types.InstanceBlockDeviceMapping{DeviceName: aws.String(volume.Device), Ebs: &types.EbsInstanceBlockDevice{
		VolumeId: aws.String(volume.Volume), AttachTime: aws.Time(volume.At), Status: types.AttachmentStatusAttached,
		DeleteOnTermination: aws.Bool(volume.DeleteOnTermination),
	}}
}

// plug fills in what an instance has by its primary interface.
func (a *surroundings) plug(shown *types.Instance, nic *interfaceRow) {
	address := nic.Address.String()
	shown.SubnetId, shown.VpcId = aws.String(nic.Subnet), aws.String(nic.VPC)
	shown.PrivateIpAddress, shown.PrivateDnsName = aws.String(address), aws.String(privateName(a.region, address))
	shown.SecurityGroups, shown.SourceDestCheck = a.groupsOf(nic), aws.Bool(!nic.NoCheck)
	face := types.InstanceNetworkInterface{
		NetworkInterfaceId: aws.String(nic.ID), SubnetId: shown.SubnetId, VpcId: shown.VpcId, MacAddress: aws.String(nic.MAC),
		Description: aws.String(nic.Description), PrivateIpAddress: shown.PrivateIpAddress, PrivateDnsName: shown.PrivateDnsName,
		Groups: shown.SecurityGroups, SourceDestCheck: shown.SourceDestCheck, OwnerId: aws.String(cloud.Account),
		Status: types.NetworkInterfaceStatusInUse, InterfaceType: aws.String("interface"),
		PrivateIpAddresses: []types.InstancePrivateIpAddress{{
			Primary: aws.Bool(true), PrivateIpAddress: shown.PrivateIpAddress, PrivateDnsName: shown.PrivateDnsName,
		}},
	}
	if nic.Attachment != nil {
		face.Attachment = &types.InstanceNetworkInterfaceAttachment{
			AttachmentId: aws.String(nic.Attachment.ID), AttachTime: aws.Time(nic.Attachment.At), DeviceIndex: aws.Int32(nic.Attachment.Device),
			DeleteOnTermination: aws.Bool(nic.Attachment.DeleteOnTermination), Status: types.AttachmentStatusAttached, NetworkCardIndex: aws.Int32(0),
		}
	}
	if addr, name, elastic := a.publicOf(nic); addr.IsValid() {
		owner := "amazon"
		if elastic != nil {
			owner = cloud.Account
		}
		shown.PublicIpAddress, shown.PublicDnsName = aws.String(addr.String()), aws.String(name)
		face.Association = &types.InstanceNetworkInterfaceAssociation{
			IpOwnerId: aws.String(owner), PublicIp: shown.PublicIpAddress, PublicDnsName: shown.PublicDnsName,
		}
		face.PrivateIpAddresses[0].Association = face.Association
	}
	shown.NetworkInterfaces = []types.InstanceNetworkInterface{face}
}

func (m metadataOptions) show() *types.InstanceMetadataOptionsResponse {
	return &types.InstanceMetadataOptionsResponse{
		State: types.InstanceMetadataOptionsStateApplied, HttpEndpoint: m.Endpoint, HttpProtocolIpv6: m.IPv6,
		HttpPutResponseHopLimit: aws.Int32(m.HopLimit), HttpTokens: m.Tokens, InstanceMetadataTags: m.Tags,
	}
}
