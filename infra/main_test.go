package main

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/recording"
)

// A stack with wrong settings, or without its files, declares nothing.
func TestDeployStopsBeforeAnythingIsDeclared(t *testing.T) {
	right := map[string]string{
		"haven:region": "us-east-1", "haven:account": "123456789012", "haven:domain": "example.com", "haven:site": "www.example.com",
		"haven:hostedZone": "Z0123456789EXAMPLE", "haven:appArtifact": "does/not/exist",
	}
	for want, config := range map[string]map[string]string{
		"haven:region: is missing":                     {},
		"haven:appArtifact: reading a file to publish": right,
	} {
		made, err := recording.Run(recording.Options{Config: config}, func(ctx *pulumi.Context) error { return deploy(ctx, config) })
		require.ErrorContains(t, err, want)
		require.Empty(t, made.All())
	}
}
