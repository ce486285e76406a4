package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"haven/cmd/haven/internal/environment"
	"haven/infra/outputs"
	"haven/lab/authority"
	"haven/lab/control"
)

const (
	labStack   = "lab"
	statusTick = time.Second
	probeLimit = 5 * time.Second
)

type statusOptions struct {
	stack  string
	output string
	wait   time.Duration
	quiet  bool
	watch  bool
}

func newStatus() *cobra.Command {
	var options statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the environment: zones, nodes, health and endpoints",
		Long: "Show the environment: zones, nodes, health and endpoints.\n" +
			"The exit code is 0 when all of it is well, and 3 when it is not.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(options.output); err != nil {
				return err
			}
			if options.watch {
				return watchStatus(cmd.Context(), options, cmd.OutOrStdout())
			}
			return runStatus(cmd.Context(), options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addOutputFlag(cmd, &options.output)
	cmd.Flags().StringVarP(&options.stack, "stack", "s", labStack, "stack to look at")
	cmd.Flags().DurationVar(&options.wait, "wait", 0, "wait so long, such as 5m, until the environment serves")
	cmd.Flags().BoolVar(&options.quiet, "quiet", false, "print no table")
	cmd.Flags().BoolVarP(&options.watch, "watch", "w", false, "go on looking, until interrupted: in place on a terminal, else a line for each change")
	cmd.MarkFlagsMutuallyExclusive("watch", "quiet")
	cmd.MarkFlagsMutuallyExclusive("watch", "wait")
	return cmd
}

// exitNotReady is the exit code for an environment that is not well.
const exitNotReady = exitError(3)

func runStatus(ctx context.Context, options statusOptions, stdout, stderr io.Writer) error {
	root, err := projectRoot()
	if err != nil {
		return err
	}
	stack, err := stackOutputs(ctx, root, options.stack)
	if err != nil {
		return err
	}
	seen, err := waitUntilReady(ctx, root, stack, options, stderr)
	if err != nil {
		return err
	}
	switch {
	case options.quiet:
	case options.output == "json":
		err = printJSON(stdout, seen)
	default:
		err = printEnvironment(stdout, seen, filepath.Join(root, ".haven", "lab", authority.CertificateFile))
	}
	if err == nil && !seen.Ready {
		return exitNotReady
	}
	return err
}

// waitUntilReady looks until the environment is ready and serves, or the wait is over.
func waitUntilReady(ctx context.Context, root string, stack outputs.Outputs, options statusOptions, stderr io.Writer) (*environment.Environment, error) {
	begun := time.Now()
	said := ""
	for {
		seen, err := look(ctx, root, stack, options.stack)
		if err != nil {
			return nil, err
		}
		if seen.Ready || time.Since(begun) >= options.wait {
			return seen, nil
		}
		if now := strings.Join(seen.Troubles, "; "); now != said {
			said = now
			fmt.Fprintf(stderr, "%4.0f s  not yet: %s\n", time.Since(begun).Seconds(), now)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(statusTick):
		}
	}
}

// look sees the environment and, in the lab, asks each balancer node whether it serves.
func look(ctx context.Context, root string, stack outputs.Outputs, name string) (*environment.Environment, error) {
	config, lab, err := reach(ctx, root, name, stack.Region)
	if err != nil {
		return nil, err
	}
	if lab == nil {
		return environment.Look(ctx, config, stack, nil)
	}
	seen, err := environment.Look(ctx, config, stack, lab.Nodes)
	if err != nil {
		return nil, err
	}
	sight, err := control.NewClient(filepath.Join(root, ".haven", "lab")).Sight(ctx, stack.Region)
	if err != nil {
		return nil, err
	}
	seen.Add(sight)
	return seen, probe(ctx, filepath.Join(root, ".haven", "lab"), seen)
}

// reach returns how to call the AWS of a stack, and for the lab's stack also the lab's status.
func reach(ctx context.Context, root, stack, region string) (aws.Config, *control.Status, error) {
	if stack != labStack {
		config, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(region))
		if err != nil {
			return config, nil, fmt.Errorf("finding AWS credentials: %w", err)
		}
		return config, nil, nil
	}
	status, err := control.NewClient(filepath.Join(root, ".haven", "lab")).Status(ctx)
	if err != nil {
		return aws.Config{}, nil, err
	}
	return aws.Config{Region: region, BaseEndpoint: &status.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("lab", "lab", "")}, &status, nil
}

// probe asks each node of the lab for the site by its name, over TLS that verifies.
func probe(ctx context.Context, dir string, seen *environment.Environment) error {
	ca, err := os.ReadFile(filepath.Join(dir, authority.CertificateFile))
	if err != nil {
		return fmt.Errorf("reading the lab's authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	for _, node := range seen.Balancers {
		if node.Address == "" {
			continue
		}
		if err := askReady(ctx, pool, seen.URL, node.Address); err != nil {
			seen.Ready = false
			seen.Troubles = append(seen.Troubles, fmt.Sprintf("the balancer node of %s does not serve: %v", node.Zone, err))
		}
	}
	return nil
}

func askReady(ctx context.Context, pool *x509.CertPool, site, address string) error {
	parsed, err := url.Parse(site)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: parsed.Hostname()}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, "443"))
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(site, "/")+"/ready", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}

// stackOutputs reads a stack's outputs with the project's own Pulumi.
func stackOutputs(ctx context.Context, root, stack string) (outputs.Outputs, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "pulumi"), "stack", "output", "--json", "--show-secrets", "-s", stack)
	raw, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return outputs.Outputs{}, fmt.Errorf("reading the outputs of stack %s: %s; type: scripts/up", stack, strings.TrimSpace(string(exit.Stderr)))
		}
		return outputs.Outputs{}, fmt.Errorf("reading the outputs of stack %s: %w", stack, err)
	}
	parsed, err := outputs.Parse(raw)
	if err == nil && parsed.URL == "" {
		err = fmt.Errorf("stack %s is not up; type: scripts/up", stack)
	}
	return parsed, err
}

func printEnvironment(w io.Writer, e *environment.Environment, ca string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "ZONE\tKIND\tID\tADDRESS\tSTATE\n")
	for _, zone := range e.Zones {
		printZone(table, e, zone)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nsite      %s (version %s)\ndatabase  %s:%d, readers %s\n", e.URL, e.Version, e.Database.Writer, e.Database.Port, e.Database.Reader)
	if !e.Ready {
		fmt.Fprintf(w, "\nNot well: %s\n", strings.Join(e.Troubles, "; "))
	}
	if err := printSight(w, e.Lab); err != nil {
		return err
	}
	return printTries(w, e, ca)
}

func printZone(w io.Writer, e *environment.Environment, zone string) {
	row := func(at, kind, id, address, state string) {
		if at == zone {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", zone, kind, id, address, state)
		}
	}
	for _, x := range e.Firewall {
		row(x.Zone, "firewall", x.ID, "", x.State)
	}
	for _, x := range e.Balancers {
		row(x.Zone, "balancer", x.Public, x.Address, x.State)
	}
	for _, x := range e.Servers {
		row(x.Zone, "server", x.ID, x.Address, strings.TrimSpace(x.Lifecycle+" "+x.Health+" "+x.Reason))
	}
	for _, x := range e.Database.Members {
		row(x.Zone, "database", x.ID, x.Role, strings.TrimSpace(x.Status+" "+lagText(x.Lag)))
	}
	for _, x := range e.Mounts {
		row(x.Zone, "files", "", x.Address, x.State)
	}
}

// printTries says what to type next, where the lab gives addresses to try.
func printTries(w io.Writer, e *environment.Environment, ca string) error {
	if len(e.Balancers) == 0 || e.Balancers[0].Address == "" {
		return nil
	}
	site, err := url.Parse(e.URL)
	if err != nil {
		return err
	}
	curl := fmt.Sprintf("curl --cacert %s --resolve %s:443:", ca, site.Hostname())
	fmt.Fprintln(w, "\nTry")
	for _, node := range e.Balancers {
		fmt.Fprintf(w, "  %s%s %s/whoami\n", curl, node.Address, e.URL)
	}
	first, last := e.Balancers[0].Address, e.Balancers[len(e.Balancers)-1].Address
	fmt.Fprintf(w, "  %s%s -d '{\"note\":\"hello\"}' -H 'Content-Type: application/json' %s/tenants/acme/ledger\n", curl, first, e.URL)
	fmt.Fprintf(w, "  %s%s %s/tenants/acme/ledger\n", curl, last, e.URL)
	fmt.Fprintln(w, "  haven lab status; scripts/pulumi preview -s lab --expect-no-changes; scripts/down")
	return nil
}
