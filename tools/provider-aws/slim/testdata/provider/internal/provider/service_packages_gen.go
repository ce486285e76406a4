package provider

import (
	"context"

	"github.com/hashicorp/terraform-provider-aws/internal/conns"
	"github.com/hashicorp/terraform-provider-aws/internal/service/alpha"
	"github.com/hashicorp/terraform-provider-aws/internal/service/beta"
	"github.com/hashicorp/terraform-provider-aws/internal/service/gamma"
)

func servicePackages(ctx context.Context) []conns.ServicePackage {
	return []conns.ServicePackage{alpha.ServicePackage(ctx), beta.ServicePackage(ctx), gamma.ServicePackage(ctx)}
}
