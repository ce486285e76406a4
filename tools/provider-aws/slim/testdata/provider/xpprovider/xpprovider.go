package xpprovider

import "github.com/hashicorp/terraform-provider-aws/internal/provider"

func GetProvider() int { return provider.New() }
