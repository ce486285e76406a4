package alpha

import (
	"context"

	"github.com/hashicorp/terraform-provider-aws/internal/conns"
	"github.com/hashicorp/terraform-provider-aws/internal/generic"
	tfgamma "github.com/hashicorp/terraform-provider-aws/internal/service/gamma"
)

var pointer generic.Pointer[int]

func resourceOther() {
	var c conns.AWSClient
	c.AlphaClient(context.Background())
	c.BetaClient(context.Background())
	tfgamma.Find()
}
