package undo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	"haven/drill/scenario"
	"haven/drill/target"
)

// deleteACLEntry deletes an entry of a network access list; one that is gone already is no error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
func deleteACLEntry(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	number, err := strconv.ParseInt(u.Parameters[scenario.EntryNumber], 10, 32)
	if err != nil {
		return fmt.Errorf("the entry's number: %w", err)
	}
	egress, err := strconv.ParseBool(u.Parameters[scenario.EntryEgress])
	if err != nil {
		return fmt.Errorf("the entry's direction: %w", err)
	}
	_, err = ec2.NewFromConfig(e.Config).DeleteNetworkAclEntry(ctx, &ec2.DeleteNetworkAclEntryInput{
		NetworkAclId: &u.Target, RuleNumber: aws.Int32(int32(number)), Egress: &egress,
	})
	var refused smithy.APIError
	if errors.As(err, &refused) && (refused.ErrorCode() == "InvalidNetworkAclEntry.NotFound" || refused.ErrorCode() == "InvalidNetworkAclID.NotFound") {
		return nil
	}
	return err
}
