package alpha

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
			TypeName: "aws_alpha_thing",
		},
		{
			Factory:  resourceRare,
			TypeName: "aws_alpha_rare",
		},
		{
			Factory:  resourceOther,
			TypeName: "aws_alpha_other",
		},
	}
}

func (p *servicePackage) ServicePackageName() string {
	return names.Alpha
}

func ServicePackage(ctx context.Context) conns.ServicePackage {
	return &servicePackage{}
}
