package main

import (
	_ "embed"
	"fmt"
	"iter"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// tokenList pairs Terraform's names with Pulumi's tokens: "resource aws_vpc aws:ec2/vpc:Vpc", one a line.
// test/contract compares it with the pulumi-aws SDK.
//
//go:embed tokens.txt
var tokenList string

// readTokens gives every listed resource and function its token.
func readTokens() (map[string]*tfbridge.ResourceInfo, map[string]*tfbridge.DataSourceInfo, error) {
	resources := map[string]*tfbridge.ResourceInfo{}
	functions := map[string]*tfbridge.DataSourceInfo{}
	for i, line := range strings.Split(strings.TrimSpace(tokenList), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 3 && fields[0] == "resource":
			resources[fields[1]] = &tfbridge.ResourceInfo{Tok: tokens.Type(fields[2])}
		case len(fields) == 3 && fields[0] == "function":
			functions[fields[1]] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(fields[2])}
		default:
			return nil, nil, fmt.Errorf("tokens.txt:%d: %q is not \"resource|function <Terraform name> <token>\"", i+1, line)
		}
	}
	return resources, functions, nil
}

// allKeys ranges over the names in a map of Terraform resources.
func allKeys(resources shim.ResourceMap) iter.Seq[string] {
	return func(yield func(string) bool) {
		resources.Range(func(name string, _ shim.Resource) bool { return yield(name) })
	}
}
