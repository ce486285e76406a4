// Package program is what a program's calls of the SDK look like.
package program

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	identity "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func program(ctx *pulumi.Context) error {
	provider, err := aws.NewProvider(ctx, "p", &aws.ProviderArgs{})
	if err != nil {
		return err
	}
	if _, err := aws.GetRegion(ctx, nil); err != nil {
		return err
	}
	if _, err := ec2.NewVpc(ctx, "v", &ec2.VpcArgs{}, pulumi.Provider(provider)); err != nil {
		return err
	}
	identity.GetPolicyDocumentOutput(ctx, identity.GetPolicyDocumentOutputArgs{})
	return nil
}
