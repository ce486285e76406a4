// Command infra is the Pulumi program: it reads a stack's settings and files and
// declares the environment.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/infra/environment"
	"haven/infra/settings"
)

func main() {
	var config map[string]string
	pulumi.Run(func(ctx *pulumi.Context) error {
		return deploy(ctx, config)
	}, func(info *pulumi.RunInfo) {
		// The whole configuration, so that keys which nobody asks for are seen too.
		config = info.Config
	})
}

func deploy(ctx *pulumi.Context, config map[string]string) error {
	loaded, err := settings.Load(config)
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("finding the project: %w", err)
	}
	root, err := environment.ProjectRoot(here)
	if err != nil {
		return err
	}
	files, err := environment.ReadFiles(root, loaded)
	if err != nil {
		return err
	}
	_, err = environment.Deploy(ctx, loaded, files)
	return err
}
