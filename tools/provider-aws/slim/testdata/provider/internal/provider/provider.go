package provider

import "context"

func New() int { return len(servicePackages(context.Background())) }
