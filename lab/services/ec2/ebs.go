package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"haven/lab/cloud"
)

// settingsRow is a region's account-wide settings.
type settingsRow struct {
	EncryptByDefault bool
	DefaultKey       string `json:",omitempty"`
}

var settings = cloud.NewTable[settingsRow]("ec2.settings")

const settingsID = "account"

func encryptsByDefault(tx *cloud.Tx, region string) (bool, error) {
	row, err := settings.Get(tx, region, settingsID)
	return row != nil && row.EncryptByDefault, err
}

// setEncryption keeps a row only for what is not the default.
func (s *Service) setEncryption(ctx context.Context, on bool) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		if !on {
			return settings.Delete(tx, region, settingsID)
		}
		return settings.Put(tx, region, settingsID, &settingsRow{EncryptByDefault: true})
	})
}

// EnableEbsEncryptionByDefault has every new volume encrypted.
func (s *Service) EnableEbsEncryptionByDefault(ctx context.Context, in *ec2.EnableEbsEncryptionByDefaultInput) (*ec2.EnableEbsEncryptionByDefaultOutput, error) {
	if err := s.setEncryption(ctx, true); err != nil {
		return nil, err
	}
	return &ec2.EnableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: aws.Bool(true)}, nil
}

// DisableEbsEncryptionByDefault leaves it to each volume.
func (s *Service) DisableEbsEncryptionByDefault(ctx context.Context, in *ec2.DisableEbsEncryptionByDefaultInput) (*ec2.DisableEbsEncryptionByDefaultOutput, error) {
	if err := s.setEncryption(ctx, false); err != nil {
		return nil, err
	}
	return &ec2.DisableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: aws.Bool(false)}, nil
}

// GetEbsEncryptionByDefault tells the setting.
func (s *Service) GetEbsEncryptionByDefault(ctx context.Context, in *ec2.GetEbsEncryptionByDefaultInput) (*ec2.GetEbsEncryptionByDefaultOutput, error) {
	out := &ec2.GetEbsEncryptionByDefaultOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		on, err := encryptsByDefault(tx, region)
		out.EbsEncryptionByDefault = aws.Bool(on)
		return err
	})
	return out, err
}
