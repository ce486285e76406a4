package contract

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// largestSchema bounds the plugin's answer, in bytes.
const largestSchema = 64 << 20

// Plugin is a running provider plugin.
type Plugin struct {
	pulumirpc.ResourceProviderClient
	stop func()
}

// StartPlugin starts a provider plugin, as Pulumi's engine does: without arguments, its first line is the port that it
// listens on. Its caller stops it.
func StartPlugin(ctx context.Context, binary string) (*Plugin, error) {
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, binary)
	out, err := command.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := command.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting the provider plugin: %w", err)
	}
	end := func() {
		cancel()
		_ = command.Wait() // it has been killed, which is the error
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return nil, fmt.Errorf("reading the provider plugin's port: %w", err)
	}
	connection, err := grpc.NewClient("127.0.0.1:"+strings.TrimSpace(port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestSchema)))
	if err != nil {
		end()
		return nil, fmt.Errorf("connecting to the provider plugin: %w", err)
	}
	return &Plugin{
		ResourceProviderClient: pulumirpc.NewResourceProviderClient(connection),
		stop:                   func() { connection.Close(); end() },
	}, nil
}

// Stop ends the plugin.
func (p *Plugin) Stop() { p.stop() }

// PluginSchema starts a provider plugin, asks it for its schema, and stops it.
func PluginSchema(ctx context.Context, binary string) ([]byte, error) {
	plugin, err := StartPlugin(ctx, binary)
	if err != nil {
		return nil, err
	}
	defer plugin.Stop()
	answer, err := plugin.GetSchema(ctx, &pulumirpc.GetSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("asking the provider plugin for its schema: %w", err)
	}
	return []byte(answer.GetSchema()), nil
}
