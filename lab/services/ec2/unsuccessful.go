package ec2

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// unsuccessful turns an API error about one resource into an item of an answer; any other error is returned.
func unsuccessful(id string, err error) (types.UnsuccessfulItem, error) {
	var refused *cloud.Error
	if !errors.As(err, &refused) {
		return types.UnsuccessfulItem{}, err
	}
	return types.UnsuccessfulItem{
		ResourceId: aws.String(id),
		Error:      &types.UnsuccessfulItemError{Code: aws.String(refused.Code), Message: aws.String(refused.Message)},
	}, nil
}
