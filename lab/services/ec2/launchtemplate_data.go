package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// launchHonoured are the members of a launch template's data, and so of RunInstances, that the lab honours, or keeps
// as facts without an effect where the effect is invisible inside the lab (volumes, credits, monitoring's period).
// Everything else that asks for something is refused by name.
var launchHonoured = map[string]bool{
	"BlockDeviceMappings":                        true, // recorded as volumes; the root volume's size limits the disk
	"CreditSpecification":                        true,
	"DisableApiStop":                             true,
	"DisableApiTermination":                      true,
	"EbsOptimized":                               true,
	"IamInstanceProfile":                         true,
	"ImageId":                                    true,
	"InstanceInitiatedShutdownBehavior":          true,
	"InstanceType":                               true,
	"MaintenanceOptions.AutoRecovery":            true, // kept; instances boot again when their zone's power returns
	"MetadataOptions":                            true,
	"Monitoring.Enabled":                         true,
	"NetworkInterfaces.AssociatePublicIpAddress": true,
	"NetworkInterfaces.DeleteOnTermination":      true,
	"NetworkInterfaces.Description":              true,
	"NetworkInterfaces.DeviceIndex":              true,
	"NetworkInterfaces.Groups":                   true,
	"NetworkInterfaces.NetworkInterfaceId":       true,
	"NetworkInterfaces.PrivateIpAddress":         true,
	"NetworkInterfaces.SubnetId":                 true,
	"Placement.AvailabilityZone":                 true,
	"Placement.Tenancy":                          true, // checked below
	"PrivateDnsNameOptions.HostnameType":         true, // checked below
	"SecurityGroupIds":                           true,
	"TagSpecifications":                          true,
	"UserData":                                   true,
	"CapacityReservationSpecification.CapacityReservationPreference": true, // there are none: "open" and "none" are the same
}

// templateTagged are the resources that a launch template can tag in the lab.
var templateTagged = []types.ResourceType{
	types.ResourceTypeInstance, types.ResourceTypeVolume, types.ResourceTypeNetworkInterface,
}

// checkLaunchData refuses what the lab cannot honour, and what AWS refuses already when a template is made.
func checkLaunchData(data *types.ResponseLaunchTemplateData) error {
	if err := refuseBeyond(launchHonoured, data); err != nil {
		return err
	}
	if p := data.Placement; p != nil && p.Tenancy != "" && p.Tenancy != types.TenancyDefault {
		return cloud.Unsupportedf("UnsupportedOperation", "Placement.Tenancy %s", p.Tenancy)
	}
	if o := data.PrivateDnsNameOptions; o != nil && o.HostnameType != "" && o.HostnameType != types.HostnameTypeIpName {
		return cloud.Unsupportedf("UnsupportedOperation", "PrivateDnsNameOptions.HostnameType %s", o.HostnameType)
	}
	for _, spec := range data.TagSpecifications {
		if !slices.Contains(templateTagged, spec.ResourceType) {
			return cloud.Unsupportedf("UnsupportedOperation", "TagSpecifications for the resource type %s", spec.ResourceType)
		}
		if err := checkTags(specTags(types.ResponseLaunchTemplateData{TagSpecifications: []types.LaunchTemplateTagSpecification{spec}}, spec.ResourceType)); err != nil {
			return err
		}
	}
	return checkUserData(aws.ToString(data.UserData))
}

// templateData turns a request's data into what is stored and returned.
func templateData(request *types.RequestLaunchTemplateData) (types.ResponseLaunchTemplateData, error) {
	data, err := convert[types.ResponseLaunchTemplateData](request)
	if err != nil {
		return data, err
	}
	return data, checkLaunchData(&data)
}
