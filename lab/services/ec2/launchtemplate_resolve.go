package ec2

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// ResolveLaunchTemplate returns the version that a reference names: a number, "$Latest", "$Default" or nothing,
// which is the default version.
func (s *Service) ResolveLaunchTemplate(tx *cloud.Tx, region string, ref types.LaunchTemplateSpecification) (LaunchTemplate, error) {
	template, err := findTemplate(tx, region, aws.ToString(ref.LaunchTemplateId), aws.ToString(ref.LaunchTemplateName))
	if err != nil {
		return LaunchTemplate{}, err
	}
	version, err := findVersion(tx, region, template, aws.ToString(ref.Version))
	if err != nil {
		return LaunchTemplate{}, err
	}
	return LaunchTemplate{
		ID: template.ID, Name: template.Name, Version: version.Version,
		Default: template.Default, Latest: template.Latest, Data: version.Data,
	}, nil
}

// findTemplate finds by exactly one of id and name.
func findTemplate(tx *cloud.Tx, region, id, name string) (*launchTemplateRow, error) {
	switch {
	case id != "" && name != "":
		return nil, cloud.Errorf("InvalidParameterCombination", "Specify either a launch template ID or a launch template name, not both.")
	case id != "":
		return launchTemplates.find(tx, region, id)
	case name == "":
		return nil, cloud.Errorf("MissingParameter", "Either the launch template ID or the launch template name must be specified.")
	}
	found, err := launchTemplates.where(tx, region, func(t *launchTemplateRow) bool { return t.Name == name })
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, cloud.Errorf("InvalidLaunchTemplateName.NotFoundException",
			"The specified launch template, with template name %s, does not exist.", name)
	}
	return found[0], nil
}

func findVersion(tx *cloud.Tx, region string, template *launchTemplateRow, text string) (*templateVersionRow, error) {
	number := template.Default
	switch text {
	case "", "$Default":
	case "$Latest":
		number = template.Latest
	default:
		parsed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, cloud.Errorf("InvalidLaunchTemplateId.VersionNotFound",
				"Could not find the specified version %s for the launch template with ID %s.", text, template.ID)
		}
		number = parsed
	}
	row, err := templateVersions.Get(tx, region, versionKey(template.ID, number))
	if err == nil && row == nil {
		err = cloud.Errorf("InvalidLaunchTemplateId.VersionNotFound",
			"Could not find the specified version %d for the launch template with ID %s.", number, template.ID)
	}
	return row, err
}

// versionKey sorts a template's versions by their numbers.
func versionKey(template string, version int64) string {
	return fmt.Sprintf("%s/%012d", template, version)
}

func versionText(version int64) string { return strconv.FormatInt(version, 10) }
