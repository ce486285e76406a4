package ec2

import (
	"cmp"
	"encoding/base64"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// maxUserData is the size of user data before its encoding
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html).
const maxUserData = 16 << 10

// launchSpec is one instance that is to be: the template's data with the request's own laid over it.
type launchSpec struct {
	data        types.ResponseLaunchTemplateData
	template    templateRef
	reservation string
	index       int32
	subnet      string // overrides the data's
	address     string // wanted private address
	tags        map[string]string
	token       string
}

// Launch starts one instance of a launch template. When it is refused, nothing of it is in the caller's transaction.
func (s *Service) Launch(tx *cloud.Tx, region string, request LaunchRequest) (*Instance, error) {
	template, err := s.ResolveLaunchTemplate(tx, region, types.LaunchTemplateSpecification{
		LaunchTemplateId: aws.String(request.LaunchTemplateID), Version: aws.String(versionText(request.Version)),
	})
	if err != nil {
		return nil, err
	}
	var row *instanceRow
	err = tx.Attempt(func() error {
		row, err = s.launch(tx, region, launchSpec{
			data: template.Data, template: templateRef{template.ID, template.Version},
			reservation: cloud.NewID("r"), subnet: request.SubnetID, tags: request.Tags,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return instanceFacts(row), nil
}

// launch makes the instance with its interface and volumes; it is pending until the realm runs it.
func (s *Service) launch(tx *cloud.Tx, region string, spec launchSpec) (*instanceRow, error) {
	image, kind, err := s.chooseHardware(tx, region, spec.data)
	if err != nil {
		return nil, err
	}
	row := &instanceRow{
		meta:        meta{ID: cloud.NewID("i"), Created: now(), Tags: specTags(spec.data, types.ResourceTypeInstance)},
		Reservation: spec.reservation, Index: spec.index, Template: spec.template, Token: spec.token,
		Image: image.id, Type: kind.name, Architecture: image.arch,
		State: types.InstanceStateNamePending, LaunchedAt: now(), Reason: s.pendingReason(),
		UserData: aws.ToString(spec.data.UserData), Metadata: metadataOf(spec.data.MetadataOptions, image),
		Monitoring:   spec.data.Monitoring != nil && aws.ToBool(spec.data.Monitoring.Enabled),
		EBSOptimized: aws.ToBool(spec.data.EbsOptimized), NoTerminate: aws.ToBool(spec.data.DisableApiTermination),
		NoStop:           aws.ToBool(spec.data.DisableApiStop),
		ShutdownBehavior: cmp.Or(spec.data.InstanceInitiatedShutdownBehavior, types.ShutdownBehaviorStop),
		NoRecovery:       spec.data.MaintenanceOptions != nil && spec.data.MaintenanceOptions.AutoRecovery == types.LaunchTemplateAutoRecoveryStateDisabled,
		Credits:          kind.credits(spec.data.CreditSpecification),
	}
	maps.Copy(row.Tags, spec.tags)
	if spec.template.ID != "" {
		row.Tags["aws:ec2launchtemplate:id"] = spec.template.ID
		row.Tags["aws:ec2launchtemplate:version"] = versionText(spec.template.Version)
	}
	if err := checkUserData(row.UserData); err != nil {
		return nil, err
	}
	if err := s.attachProfile(tx, row, spec.data.IamInstanceProfile); err != nil {
		return nil, err
	}
	if err := s.plugIn(tx, region, row, spec); err != nil {
		return nil, err
	}
	if err := s.checkPower(region, row.Zone, row.Type); err != nil {
		return nil, err
	}
	if err := createVolumes(tx, region, row, spec.data, image); err != nil {
		return nil, err
	}
	s.tell(tx, region, condition{}, row)
	return row, instances.save(tx, region, row)
}

// chooseHardware finds the image and the instance type, which must be of one architecture.
func (s *Service) chooseHardware(tx *cloud.Tx, region string, data types.ResponseLaunchTemplateData) (image, instanceType, error) {
	name := string(cmp.Or(data.InstanceType, types.InstanceTypeM1Small))
	kind, ok := findInstanceType(name)
	if !ok {
		return image{}, kind, cloud.Errorf("InvalidParameterValue",
			"Invalid value '%s' for InstanceType. The lab knows these families: %s.", name, familyNames())
	}
	id, err := s.resolveImageID(tx, region, aws.ToString(data.ImageId))
	if err != nil {
		return image{}, kind, err
	}
	found, ok := findImage(id)
	if !ok {
		return found, kind, cloud.Errorf("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
	}
	if found.arch != kind.arch() {
		return found, kind, cloud.Errorf("InvalidParameterValue",
			"The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI.",
			kind.arch(), found.arch)
	}
	return found, kind, nil
}

func checkUserData(encoded string) error {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return cloud.Errorf("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	if len(decoded) > maxUserData {
		return cloud.Errorf("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	return nil
}

func (s *Service) attachProfile(tx *cloud.Tx, row *instanceRow, wanted *types.LaunchTemplateIamInstanceProfileSpecification) error {
	if wanted == nil || cmp.Or(aws.ToString(wanted.Arn), aws.ToString(wanted.Name)) == "" {
		return nil
	}
	if s.profiles == nil {
		return cloud.Unsupportedf("UnsupportedOperation", "instance profiles, because this EC2 runs without IAM")
	}
	role, arn, err := s.profiles.RoleOfProfile(tx, cmp.Or(aws.ToString(wanted.Arn), aws.ToString(wanted.Name)))
	if err != nil {
		return err
	}
	row.ProfileARN, row.ProfileRole, row.ProfileAssoc = arn, role, cloud.NewID("iip-assoc")
	return nil
}

// specTags returns the tags that the data's specifications give to a type of resource.
func specTags(data types.ResponseLaunchTemplateData, resource types.ResourceType) map[string]string {
	tags := map[string]string{}
	for _, spec := range data.TagSpecifications {
		if spec.ResourceType != resource {
			continue
		}
		for _, tag := range spec.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	return tags
}

// metadataOf returns the metadata options with AWS's defaults; an Amazon Linux 2023 image asks for version 2
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html).
func metadataOf(wanted *types.LaunchTemplateInstanceMetadataOptions, from image) metadataOptions {
	options := metadataOptions{
		Endpoint: types.InstanceMetadataEndpointStateEnabled, IPv6: types.InstanceMetadataProtocolStateDisabled,
		HopLimit: 1, Tokens: types.HttpTokensStateOptional, Tags: types.InstanceMetadataTagsStateDisabled,
	}
	if from.imdsV2 {
		options.Tokens, options.HopLimit = types.HttpTokensStateRequired, 2
	}
	if wanted == nil {
		return options
	}
	options.Endpoint = cmp.Or(types.InstanceMetadataEndpointState(wanted.HttpEndpoint), options.Endpoint)
	options.IPv6 = cmp.Or(types.InstanceMetadataProtocolState(wanted.HttpProtocolIpv6), options.IPv6)
	options.Tokens = cmp.Or(types.HttpTokensState(wanted.HttpTokens), options.Tokens)
	options.Tags = cmp.Or(types.InstanceMetadataTagsState(wanted.InstanceMetadataTags), options.Tags)
	options.HopLimit = cmp.Or(aws.ToInt32(wanted.HttpPutResponseHopLimit), options.HopLimit)
	return options
}
