package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// placeholderSchema stands for the schema until it is asked for. A running program never asks: its SDK has been
// generated from it. Writing out the whole schema takes seconds that no start of the plugin should pay.
var placeholderSchema = []byte(`{"name":"aws"}`)

// schemaServer is the provider with a schema that is generated when it is asked for.
type schemaServer struct {
	pulumirpc.ResourceProviderServer
	info tfbridge.ProviderInfo
}

// GetSchema returns the Pulumi schema of every resource and function of this build, without documentation.
func (s *schemaServer) GetSchema(
	_ context.Context, request *pulumirpc.GetSchemaRequest,
) (*pulumirpc.GetSchemaResponse, error) {
	if request.Version != 0 {
		return nil, fmt.Errorf("schema version %d is not known, only 0 is", request.Version)
	}
	text, err := generateSchema(s.info)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GetSchemaResponse{Schema: string(text)}, nil
}

func generateSchema(info tfbridge.ProviderInfo) ([]byte, error) {
	empty, err := os.MkdirTemp("", "pulumi-resource-aws-docs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(empty)
	info.UpstreamRepoPath = empty // or the generator goes looking for the documentation's source
	silent := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	spec, err := tfgen.GenerateSchema(info, silent)
	if err != nil {
		return nil, fmt.Errorf("generating the schema: %w", err)
	}
	return json.Marshal(spec)
}
