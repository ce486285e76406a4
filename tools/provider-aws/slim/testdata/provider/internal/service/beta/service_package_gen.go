package beta

import (
	"context"

	"github.com/hashicorp/terraform-provider-aws/internal/conns"
	"github.com/hashicorp/terraform-provider-aws/internal/types"
	"github.com/hashicorp/terraform-provider-aws/names"
)

type servicePackage struct{}

func (p *servicePackage) Resources(ctx context.Context) []*types.Resource {
	return []*types.Resource{
		{
			Factory:  resourceThing,
			TypeName: "aws_beta_thing",
		},
		{
			Factory:  resourceRare,
			TypeName: "aws_beta_rare",
		},
		{
			Factory:  resourceOther,
			TypeName: "aws_beta_other",
		},
	}
}

func (p *servicePackage) ServicePackageName() string {
	return names.Beta
}

func ServicePackage(ctx context.Context) conns.ServicePackage {
	return &servicePackage{}
}
