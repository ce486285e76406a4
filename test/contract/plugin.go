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

// PluginSchema starts a provider plugin, asks it for its schema, and ends it.
func PluginSchema(ctx context.Context, binary string) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	plugin := exec.CommandContext(ctx, binary)
	out, err := plugin.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := plugin.Start(); err != nil {
		return nil, fmt.Errorf("starting the provider plugin: %w", err)
	}
	defer func() {
		cancel()
		_ = plugin.Wait() // it has been killed, which is the error
	}()
	// A plugin's first line is the port that it listens on.
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("reading the provider plugin's port: %w", err)
	}
	connection, err := grpc.NewClient("127.0.0.1:"+strings.TrimSpace(port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestSchema)))
	if err != nil {
		return nil, fmt.Errorf("connecting to the provider plugin: %w", err)
	}
	defer connection.Close()
	answer, err := pulumirpc.NewResourceProviderClient(connection).GetSchema(ctx, &pulumirpc.GetSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("asking the provider plugin for its schema: %w", err)
	}
	return []byte(answer.GetSchema()), nil
}
