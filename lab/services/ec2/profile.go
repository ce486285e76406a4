package ec2

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// profileID derives what looks like the profile's unique id from its ARN.
func profileID(arn string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	hash := fnv.New128a()
	hash.Write([]byte(arn))
	id := []byte("AIPA")
	for _, b := range hash.Sum(nil) {
		id = append(id, letters[int(b)%len(letters)])
	}
	return string(id)
}

func showProfileAssociation(row *instanceRow, state types.IamInstanceProfileAssociationState) types.IamInstanceProfileAssociation {
	return types.IamInstanceProfileAssociation{
		AssociationId: aws.String(row.ProfileAssoc), InstanceId: aws.String(row.ID), State: state,
		IamInstanceProfile: &types.IamInstanceProfile{Arn: aws.String(row.ProfileARN), Id: aws.String(profileID(row.ProfileARN))},
	}
}

// AssociateIamInstanceProfile gives an instance without one an instance profile, whose role its metadata then offers.
func (s *Service) AssociateIamInstanceProfile(ctx context.Context, in *ec2.AssociateIamInstanceProfileInput) (*ec2.AssociateIamInstanceProfileOutput, error) {
	out := &ec2.AssociateIamInstanceProfileOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instances.find(tx, region, aws.ToString(in.InstanceId))
		if err != nil {
			return err
		}
		if row.ProfileARN != "" {
			return cloud.Errorf("IncorrectState", "There is an existing association for instance %s", row.ID)
		}
		if err := s.setProfile(tx, row, in.IamInstanceProfile); err != nil {
			return err
		}
		shown := showProfileAssociation(row, types.IamInstanceProfileAssociationStateAssociating)
		out.IamInstanceProfileAssociation = &shown
		return instances.save(tx, region, row)
	})
}

func (s *Service) setProfile(tx *cloud.Tx, row *instanceRow, wanted *types.IamInstanceProfileSpecification) error {
	if wanted == nil || cmp.Or(aws.ToString(wanted.Arn), aws.ToString(wanted.Name)) == "" {
		return cloud.Errorf("MissingParameter", "The request must contain the parameter IamInstanceProfile")
	}
	if row.ending() {
		return cloud.Errorf("IncorrectState", "The instance %s is %s", row.ID, row.State)
	}
	return s.attachProfile(tx, row, &types.LaunchTemplateIamInstanceProfileSpecification{Arn: wanted.Arn, Name: wanted.Name})
}

// ReplaceIamInstanceProfileAssociation exchanges an instance's profile.
func (s *Service) ReplaceIamInstanceProfileAssociation(ctx context.Context, in *ec2.ReplaceIamInstanceProfileAssociationInput) (*ec2.ReplaceIamInstanceProfileAssociationOutput, error) {
	out := &ec2.ReplaceIamInstanceProfileAssociationOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findProfileAssociation(tx, region, in.AssociationId)
		if err != nil {
			return err
		}
		if err := s.setProfile(tx, row, in.IamInstanceProfile); err != nil {
			return err
		}
		shown := showProfileAssociation(row, types.IamInstanceProfileAssociationStateAssociated)
		out.IamInstanceProfileAssociation = &shown
		return instances.save(tx, region, row)
	})
}

// DisassociateIamInstanceProfile takes an instance's profile away.
func (s *Service) DisassociateIamInstanceProfile(ctx context.Context, in *ec2.DisassociateIamInstanceProfileInput) (*ec2.DisassociateIamInstanceProfileOutput, error) {
	out := &ec2.DisassociateIamInstanceProfileOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findProfileAssociation(tx, region, in.AssociationId)
		if err != nil {
			return err
		}
		shown := showProfileAssociation(row, types.IamInstanceProfileAssociationStateDisassociating)
		out.IamInstanceProfileAssociation = &shown
		row.ProfileARN, row.ProfileRole, row.ProfileAssoc = "", "", ""
		return instances.save(tx, region, row)
	})
}

func findProfileAssociation(tx *cloud.Tx, region string, id *string) (*instanceRow, error) {
	found, err := instances.where(tx, region, func(r *instanceRow) bool { return r.ProfileAssoc != "" && r.ProfileAssoc == aws.ToString(id) })
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, cloud.Errorf("NoSuchAssociation", "An invalid association-id of '%s' was given", aws.ToString(id))
	}
	return found[0], nil
}

var profileFilters = filterSet[types.IamInstanceProfileAssociation]{named: map[string]func(*types.IamInstanceProfileAssociation) []string{
	"instance-id": func(a *types.IamInstanceProfileAssociation) []string { return text(a.InstanceId) },
	"state":       func(a *types.IamInstanceProfileAssociation) []string { return []string{string(a.State)} },
}}

// DescribeIamInstanceProfileAssociations lists which instances have which profiles.
func (s *Service) DescribeIamInstanceProfileAssociations(ctx context.Context, in *ec2.DescribeIamInstanceProfileAssociationsInput) (*ec2.DescribeIamInstanceProfileAssociationsOutput, error) {
	out := &ec2.DescribeIamInstanceProfileAssociationsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		rows, err := instances.where(tx, region, func(r *instanceRow) bool { return r.ProfileARN != "" && !r.gone() })
		if err != nil {
			return err
		}
		answer := page[types.IamInstanceProfileAssociation]{set: profileFilters}
		for _, row := range rows {
			if len(in.AssociationIds) == 0 || slices.Contains(in.AssociationIds, row.ProfileAssoc) {
				answer.add(row.ProfileAssoc, showProfileAssociation(row, types.IamInstanceProfileAssociationStateAssociated))
			}
		}
		out.IamInstanceProfileAssociations, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
		return err
	})
	return out, err
}
