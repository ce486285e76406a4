package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-provider-aws/xpprovider"
	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
)

const (
	name    = "aws"
	version = "6.66.3" // the pulumi-aws release whose tokens and properties this build has
)

// newProvider describes the bridged provider: both halves of the Terraform provider, the one on its older SDK and the
// one on its plugin framework, as one Pulumi provider.
func newProvider(ctx context.Context) (tfbridge.ProviderInfo, error) {
	framework, sdk, err := xpprovider.GetProvider(ctx)
	if err != nil {
		return tfbridge.ProviderInfo{}, fmt.Errorf("creating the Terraform AWS provider: %w", err)
	}
	resources, functions, err := readTokens()
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	info := tfbridge.ProviderInfo{
		P:           pfbridge.MuxShimWithPF(ctx, sdkv2.NewProvider(sdk), framework),
		Name:        name,
		Version:     version,
		Resources:   resources,
		DataSources: functions,
		Config:      configuration(),
		// The older half has checked the same configuration already.
		SkipValidateProviderConfigForPluginFramework: true,
		MetadataInfo: tfbridge.NewProviderMetadata(nil),
	}
	ignoreUnmapped(&info)
	customize(info.Resources)
	customizeFunctions(info.DataSources)
	tagsAllAreOutputs(&info)
	autoname(&info)
	return info, dispatch(&info)
}

// configuration gives the provider's own settings the defaults that the official plugin gives them.
func configuration() map[string]*tfbridge.SchemaInfo {
	return map[string]*tfbridge.SchemaInfo{
		"region": {
			Default:               &tfbridge.DefaultInfo{EnvVars: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}},
			ForcesProviderReplace: tfbridge.True(),
		},
		"skip_region_validation":      {Default: &tfbridge.DefaultInfo{Value: true}},
		"skip_credentials_validation": {Default: &tfbridge.DefaultInfo{Value: false}},
		"skip_metadata_api_check":     {Type: "boolean"},
		"assume_role":                 {Name: "assumeRole", MaxItemsOne: tfbridge.True()},
		"access_key":                  {Secret: tfbridge.True()},
		"secret_key":                  {Secret: tfbridge.True()},
		"token":                       {Secret: tfbridge.True()},
	}
}

// ignoreUnmapped leaves out the resources and data sources that have no token: asking for one is the engine's loud
// error about an unknown type.
func ignoreUnmapped(info *tfbridge.ProviderInfo) {
	for name := range allKeys(info.P.ResourcesMap()) {
		if info.Resources[name] == nil {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
	}
	for name := range allKeys(info.P.DataSourcesMap()) {
		if info.DataSources[name] == nil {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
	}
}

// dispatch computes which half serves which resource. Official plugins compute that when their release is built; the
// bridge looks for it in the provider's metadata.
func dispatch(info *tfbridge.ProviderInfo) error {
	resolver, ok := info.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	})
	if !ok {
		return fmt.Errorf("resolving which half serves which resource: the bridge's provider is a %T", info.P)
	}
	table, err := resolver.ResolveDispatch(info)
	if err != nil {
		return fmt.Errorf("resolving which half serves which resource: %w", err)
	}
	return metadata.Set(info.GetMetadata(), "mux", table)
}
