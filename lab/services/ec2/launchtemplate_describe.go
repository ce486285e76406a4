package ec2

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var templateFilters = filterSet[types.LaunchTemplate]{
	tags: func(t *types.LaunchTemplate) []types.Tag { return t.Tags },
	named: map[string]func(*types.LaunchTemplate) []string{
		"create-time":          func(t *types.LaunchTemplate) []string { return moment(t.CreateTime) },
		"launch-template-name": func(t *types.LaunchTemplate) []string { return text(t.LaunchTemplateName) },
	},
}

// DescribeLaunchTemplates lists launch templates.
func (s *Service) DescribeLaunchTemplates(ctx context.Context, in *ec2.DescribeLaunchTemplatesInput) (*ec2.DescribeLaunchTemplatesOutput, error) {
	out := &ec2.DescribeLaunchTemplatesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		ids := in.LaunchTemplateIds[:len(in.LaunchTemplateIds):len(in.LaunchTemplateIds)]
		for _, name := range in.LaunchTemplateNames {
			row, err := findTemplate(tx, region, "", name)
			if err != nil {
				return err
			}
			ids = append(ids, row.ID)
		}
		q := query{ids, in.Filters, in.MaxResults, in.NextToken}
		out.LaunchTemplates, out.NextToken, err = describe(tx, region, launchTemplates, q, templateFilters,
			func(row *launchTemplateRow) (types.LaunchTemplate, error) { return showTemplate(row), nil })
		return err
	})
	return out, err
}

func showTemplate(row *launchTemplateRow) types.LaunchTemplate {
	return types.LaunchTemplate{
		LaunchTemplateId: aws.String(row.ID), LaunchTemplateName: aws.String(row.Name), CreateTime: aws.Time(row.Created),
		CreatedBy: aws.String(row.CreatedBy), DefaultVersionNumber: aws.Int64(row.Default), LatestVersionNumber: aws.Int64(row.Latest),
		Tags: tagList(row.Tags),
	}
}

var versionFilters = filterSet[types.LaunchTemplateVersion]{named: map[string]func(*types.LaunchTemplateVersion) []string{
	"create-time":   func(v *types.LaunchTemplateVersion) []string { return moment(v.CreateTime) },
	"ebs-optimized": func(v *types.LaunchTemplateVersion) []string { return flag(v.LaunchTemplateData.EbsOptimized) },
	"image-id":      func(v *types.LaunchTemplateVersion) []string { return text(v.LaunchTemplateData.ImageId) },
	"instance-type": func(v *types.LaunchTemplateVersion) []string {
		return []string{string(v.LaunchTemplateData.InstanceType)}
	},
	"is-default-version": func(v *types.LaunchTemplateVersion) []string { return flag(v.DefaultVersion) },
}}

// DescribeLaunchTemplateVersions lists versions of one template or, for "$Latest" and "$Default", of all.
func (s *Service) DescribeLaunchTemplateVersions(ctx context.Context, in *ec2.DescribeLaunchTemplateVersionsInput) (*ec2.DescribeLaunchTemplateVersionsOutput, error) {
	if err := refuse("ResolveAlias", in.ResolveAlias); err != nil {
		return nil, err
	}
	out := &ec2.DescribeLaunchTemplateVersionsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		templates, err := versionedTemplates(tx, region, in.LaunchTemplateId, in.LaunchTemplateName, in.Versions)
		if err != nil {
			return err
		}
		within, err := versionRange(in.MinVersion, in.MaxVersion)
		if err != nil {
			return err
		}
		answer := page[types.LaunchTemplateVersion]{set: versionFilters}
		for _, template := range templates {
			versions, err := chooseVersions(tx, region, template, in.Versions)
			if err != nil {
				return err
			}
			for _, version := range versions {
				if within(version.Version) {
					answer.add(versionKey(template.ID, version.Version), showVersion(template, version))
				}
			}
		}
		out.LaunchTemplateVersions, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
		return err
	})
	return out, err
}

func versionedTemplates(tx *cloud.Tx, region string, id, name *string, versions []string) ([]*launchTemplateRow, error) {
	if id != nil || name != nil {
		row, err := findTemplate(tx, region, aws.ToString(id), aws.ToString(name))
		return []*launchTemplateRow{row}, err
	}
	if len(versions) == 0 {
		return nil, cloud.Errorf("MissingParameter", "Either a launch template or the versions $Latest and $Default must be specified")
	}
	for _, version := range versions {
		if !strings.HasPrefix(version, "$") {
			return nil, cloud.Errorf("InvalidParameterCombination", "The version %s needs a launch template", version)
		}
	}
	return launchTemplates.List(tx, region)
}

// chooseVersions returns the named versions of a template, or all that are left of it.
func chooseVersions(tx *cloud.Tx, region string, template *launchTemplateRow, named []string) ([]*templateVersionRow, error) {
	var versions []*templateVersionRow
	for _, name := range named {
		version, err := findVersion(tx, region, template, name)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
	if len(named) > 0 {
		return versions, nil
	}
	for number := int64(1); number <= template.Latest; number++ {
		version, err := templateVersions.Get(tx, region, versionKey(template.ID, number))
		if err != nil {
			return nil, err
		}
		if version != nil {
			versions = append(versions, version)
		}
	}
	return versions, nil
}

func versionRange(least, most *string) (func(int64) bool, error) {
	bounds := [2]int64{0, 1<<63 - 1}
	for i, bound := range []*string{least, most} {
		if bound == nil {
			continue
		}
		number, err := strconv.ParseInt(*bound, 10, 64)
		if err != nil {
			return nil, cloud.Errorf("InvalidParameterValue", "Version %q is not a number", *bound)
		}
		bounds[i] = number
	}
	return func(version int64) bool { return bounds[0] <= version && version <= bounds[1] }, nil
}

func showVersion(template *launchTemplateRow, row *templateVersionRow) types.LaunchTemplateVersion {
	data := row.Data
	return types.LaunchTemplateVersion{
		LaunchTemplateId: aws.String(template.ID), LaunchTemplateName: aws.String(template.Name), CreateTime: aws.Time(row.Created),
		CreatedBy: aws.String(row.CreatedBy), VersionNumber: aws.Int64(row.Version), DefaultVersion: aws.Bool(row.Version == template.Default),
		VersionDescription: optional(row.Description), LaunchTemplateData: &data,
	}
}
