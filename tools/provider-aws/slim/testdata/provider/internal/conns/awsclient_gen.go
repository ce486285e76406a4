package conns

import (
	"context"

	alphasdk "example.test/sdk/alpha"
	"example.test/sdk/beta"
	"example.test/sdk/gamma"
	"github.com/hashicorp/terraform-provider-aws/internal/errs"
	"github.com/hashicorp/terraform-provider-aws/names"
)

func (c *AWSClient) AlphaClient(ctx context.Context) *alphasdk.Client {
	return errs.Must(client[*alphasdk.Client](ctx, c, names.Alpha))
}

func (c *AWSClient) BetaClient(ctx context.Context) *beta.Client {
	return errs.Must(client[*beta.Client](ctx, c, names.Beta))
}

func (c *AWSClient) GammaClient(ctx context.Context) *gamma.Client {
	return errs.Must(client[*gamma.Client](ctx, c, names.Gamma))
}
