package ec2

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// templateName is what launch template names may be
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html).
var templateName = regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)

// CreateLaunchTemplate makes a template with its first version.
func (s *Service) CreateLaunchTemplate(ctx context.Context, in *ec2.CreateLaunchTemplateInput) (*ec2.CreateLaunchTemplateOutput, error) {
	name := aws.ToString(in.LaunchTemplateName)
	if !templateName.MatchString(name) {
		return nil, cloud.Errorf("InvalidLaunchTemplateName.MalformedException", "Launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _. This one is %q.", name)
	}
	data, err := templateData(in.LaunchTemplateData)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateLaunchTemplateOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		id, err := once(tx, region, "CreateLaunchTemplate", in.ClientToken, in, launchTemplates.exists(tx, region), func() (string, error) {
			head, err := launchTemplates.newMeta(in.TagSpecifications)
			if err != nil {
				return "", err
			}
			twin, err := firstOf(tx, region, launchTemplates, func(t *launchTemplateRow) bool { return t.Name == name })()
			if err != nil {
				return "", err
			}
			if twin != "" {
				return "", cloud.Errorf("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
			}
			row := &launchTemplateRow{meta: head, Name: name, CreatedBy: cloud.CallFrom(ctx).Principal.ARN, Default: 1}
			_, err = addVersion(tx, region, row, data, aws.ToString(in.VersionDescription))
			return row.ID, err
		})
		if err != nil {
			return err
		}
		row, err := launchTemplates.find(tx, region, id)
		if err == nil {
			shown := showTemplate(row)
			out.LaunchTemplate = &shown
		}
		return err
	})
}

// addVersion writes the next version of a template, and the template.
func addVersion(tx *cloud.Tx, region string, row *launchTemplateRow, data types.ResponseLaunchTemplateData, description string) (*templateVersionRow, error) {
	row.Numbered = max(row.Numbered, row.Latest) + 1
	row.Latest = row.Numbered
	version := &templateVersionRow{
		Template: row.ID, Version: row.Latest, Description: description, Created: now(), CreatedBy: row.CreatedBy, Data: data,
	}
	if err := templateVersions.Put(tx, region, versionKey(row.ID, row.Latest), version); err != nil {
		return nil, err
	}
	return version, launchTemplates.save(tx, region, row)
}

// CreateLaunchTemplateVersion adds a version: its own data, laid over a source version's when one is named.
func (s *Service) CreateLaunchTemplateVersion(ctx context.Context, in *ec2.CreateLaunchTemplateVersionInput) (*ec2.CreateLaunchTemplateVersionOutput, error) {
	if err := refuse("ResolveAlias", in.ResolveAlias); err != nil {
		return nil, err
	}
	given, err := templateData(in.LaunchTemplateData)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateLaunchTemplateVersionOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findTemplate(tx, region, aws.ToString(in.LaunchTemplateId), aws.ToString(in.LaunchTemplateName))
		if err != nil {
			return err
		}
		exists := func(key string) (bool, error) {
			version, err := templateVersions.Get(tx, region, key)
			return version != nil, err
		}
		key, err := once(tx, region, "CreateLaunchTemplateVersion", in.ClientToken, in, exists, func() (string, error) {
			data := given
			if in.SourceVersion != nil {
				source, err := findVersion(tx, region, row, *in.SourceVersion)
				if err != nil {
					return "", err
				}
				data = source.Data
				overlay(&data, &given)
			}
			version, err := addVersion(tx, region, row, data, aws.ToString(in.VersionDescription))
			if err != nil {
				return "", err
			}
			return versionKey(row.ID, version.Version), nil
		})
		if err != nil {
			return err
		}
		version, err := templateVersions.Get(tx, region, key)
		if err == nil {
			shown := showVersion(row, version)
			out.LaunchTemplateVersion = &shown
		}
		return err
	})
}

// ModifyLaunchTemplate sets the default version.
func (s *Service) ModifyLaunchTemplate(ctx context.Context, in *ec2.ModifyLaunchTemplateInput) (*ec2.ModifyLaunchTemplateOutput, error) {
	_ = in.ClientToken // the operation is idempotent by nature
	out := &ec2.ModifyLaunchTemplateOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findTemplate(tx, region, aws.ToString(in.LaunchTemplateId), aws.ToString(in.LaunchTemplateName))
		if err != nil {
			return err
		}
		if in.DefaultVersion != nil {
			version, err := findVersion(tx, region, row, *in.DefaultVersion)
			if err != nil {
				return err
			}
			row.Default = version.Version
		}
		shown := showTemplate(row)
		out.LaunchTemplate = &shown
		return launchTemplates.save(tx, region, row)
	})
}

// DeleteLaunchTemplate deletes a template with all its versions.
func (s *Service) DeleteLaunchTemplate(ctx context.Context, in *ec2.DeleteLaunchTemplateInput) (*ec2.DeleteLaunchTemplateOutput, error) {
	out := &ec2.DeleteLaunchTemplateOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findTemplate(tx, region, aws.ToString(in.LaunchTemplateId), aws.ToString(in.LaunchTemplateName))
		if err != nil {
			return err
		}
		for version := int64(1); version <= row.Latest; version++ {
			if err := templateVersions.Delete(tx, region, versionKey(row.ID, version)); err != nil {
				return err
			}
		}
		shown := showTemplate(row)
		out.LaunchTemplate = &shown
		return launchTemplates.remove(tx, region, row)
	})
}

// DeleteLaunchTemplateVersions deletes versions; the default one cannot be.
func (s *Service) DeleteLaunchTemplateVersions(ctx context.Context, in *ec2.DeleteLaunchTemplateVersionsInput) (*ec2.DeleteLaunchTemplateVersionsOutput, error) {
	out := &ec2.DeleteLaunchTemplateVersionsOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findTemplate(tx, region, aws.ToString(in.LaunchTemplateId), aws.ToString(in.LaunchTemplateName))
		if err != nil {
			return err
		}
		for _, text := range in.Versions {
			version, err := findVersion(tx, region, row, text)
			if err == nil && version.Version == row.Default {
				err = cloud.Errorf("OperationNotPermitted", "Cannot delete the default version %d of %s", row.Default, row.ID)
			}
			if err != nil {
				item, err := unsuccessful(row.ID, err)
				if err != nil {
					return err
				}
				out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions,
					types.DeleteLaunchTemplateVersionsResponseErrorItem{
						LaunchTemplateId: aws.String(row.ID), LaunchTemplateName: aws.String(row.Name),
						ResponseError: &types.ResponseError{Code: types.LaunchTemplateErrorCodeUnexpectedError, Message: item.Error.Message},
					})
				continue
			}
			if err := templateVersions.Delete(tx, region, versionKey(row.ID, version.Version)); err != nil {
				return err
			}
			out.SuccessfullyDeletedLaunchTemplateVersions = append(out.SuccessfullyDeletedLaunchTemplateVersions,
				types.DeleteLaunchTemplateVersionsResponseSuccessItem{
					LaunchTemplateId: aws.String(row.ID), LaunchTemplateName: aws.String(row.Name), VersionNumber: aws.Int64(version.Version),
				})
		}
		return keepLatest(tx, region, row)
	})
}

// keepLatest makes the highest version that is left the latest. Numbers are not given again.
func keepLatest(tx *cloud.Tx, region string, row *launchTemplateRow) error {
	row.Numbered = max(row.Numbered, row.Latest)
	for row.Latest > row.Default { // which can't be deleted
		version, err := templateVersions.Get(tx, region, versionKey(row.ID, row.Latest))
		if err != nil {
			return err
		}
		if version != nil {
			break
		}
		row.Latest--
	}
	return launchTemplates.save(tx, region, row)
}
