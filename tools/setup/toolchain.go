package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// The names that Pulumi looks its parts up by.
const (
	pulumiBinary   = "pulumi"
	languageBinary = "pulumi-language-go"
	providerBinary = "pulumi-resource-aws"
	providerPlugin = "resource-aws-v6.66.3"
)

const upstreamProvider = "github.com/hashicorp/terraform-provider-aws"

// plain are the patterns of the packages that the tools compile without inlining, which halves what that costs: all but
// the standard library, which the project's own programs share. The tools wait for the cloud, not for the processor.
var plain = []string{
	"charm.land/...", "cloud.google.com/...", "filippo.io/...", "github.com/...", "go.opentelemetry.io/...", "go.uber.org/...",
	"gocloud.dev/...", "golang.org/x/...", "google.golang.org/...", "gopkg.in/...", "lukechampine.com/...", "mvdan.cc/...",
}

// tool is one program of the toolchain, a module of its own under tools.
type tool struct {
	title   string // for people
	folder  string // of its go.mod
	pkg     string // main package
	binary  string
	ldflags string
	// prepare generates sources that the build needs into a working folder and returns more build flags.
	prepare func(ctx context.Context, t tool, work string) ([]string, error)
}

// toolchain lists the tools in the order in which they are built: the longest first.
func toolchain(root string) []tool {
	tools := filepath.Join(root, "tools")
	pulumi := filepath.Join(tools, "pulumi")
	return []tool{
		{
			title:  "Pulumi AWS provider 6.66.3",
			folder: filepath.Join(tools, "provider-aws"), pkg: ".", binary: providerBinary,
			ldflags: "-s -w", prepare: cutProvider,
		},
		{
			title:  "Pulumi command line",
			folder: pulumi, pkg: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", binary: pulumiBinary,
			ldflags: "-s -w " + versionFlag(pulumi),
		},
		{
			title:  "Pulumi Go language host",
			folder: filepath.Join(tools, "language-go"), pkg: "github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go",
			binary: languageBinary, ldflags: "-s -w",
		},
	}
}

var pulumiRequirement = regexp.MustCompile(`(?m)^\s*(?:require )?github\.com/pulumi/pulumi/pkg/v3 (v\S+)`)

// versionFlag tells the Pulumi command line its version: a build from a module does not know it by itself. A go.mod
// that cannot be read gives no flag here and an error from the build.
func versionFlag(folder string) string {
	text, _ := os.ReadFile(filepath.Join(folder, "go.mod"))
	match := pulumiRequirement.FindSubmatch(text)
	if match == nil {
		return ""
	}
	return "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + string(match[1])
}

// cutProvider writes the cut source of the Terraform AWS provider and a go.mod that replaces the whole one by it.
// The whole one comes from the module cache, where its checksum has been compared with go.sum.
func cutProvider(ctx context.Context, t tool, work string) ([]string, error) {
	answer, err := goOutput(ctx, t.folder, "mod", "download", "-json", upstreamProvider)
	if err != nil {
		return nil, fmt.Errorf("downloading %s: %w", upstreamProvider, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(answer, &module); err != nil || module.Dir == "" {
		return nil, fmt.Errorf("downloading %s: go gave no folder (%s)", upstreamProvider, answer)
	}
	source := filepath.Join(work, "terraform-provider-aws")
	if _, err := goOutput(ctx, t.folder, "run", "-mod=readonly", "-trimpath", "./slim",
		"-upstream", module.Dir, "-services", "services.txt", "-out", source); err != nil {
		return nil, fmt.Errorf("cutting the Terraform AWS provider: %w", err)
	}
	modfile := filepath.Join(work, "lab.mod")
	for from, to := range map[string]string{"go.mod": modfile, "go.sum": filepath.Join(work, "lab.sum")} {
		text, err := os.ReadFile(filepath.Join(t.folder, from))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := goOutput(ctx, work, "mod", "edit", "-replace", upstreamProvider+"="+source, modfile); err != nil {
		return nil, fmt.Errorf("replacing the Terraform AWS provider: %w", err)
	}
	return []string{"-modfile=" + modfile}, nil
}
