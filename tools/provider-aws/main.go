// Command pulumi-resource-aws is the AWS provider of the lab: the real Terraform AWS provider 5.82.2, cut to the
// services in use, behind Pulumi's Terraform bridge. Its resource tokens, properties and automatic names are those
// of the official plugin at version 6.66.3, so a program written for one runs on the other unchanged.
//
// Production stacks use the official plugin. This one exists because it can be compiled from pinned Go modules on a
// machine that can download nothing else.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi/pkg/v3/resource/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func main() {
	ctx := context.Background()
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println(version)
		return
	}
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-aws: %v\n", err)
		os.Exit(1)
	}
}

// run serves the provider until the engine that started it goes away.
func run(ctx context.Context) error {
	info, err := newProvider(ctx)
	if err != nil {
		return err
	}
	flag.CommandLine.Usage = func() {
		fmt.Fprintln(os.Stderr, "pulumi-resource-aws is a plugin: pulumi starts it.")
	}
	serve := tfbridge.MakeMuxedServer(ctx, name, info, placeholderSchema)
	return provider.Main(name, func(host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		server, err := serve(host)
		if err != nil {
			return nil, err
		}
		return &schemaServer{ResourceProviderServer: server, info: info}, nil
	})
}
