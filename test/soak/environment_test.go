package soak

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"haven/drill/workload"
)

// environment is the lab's, already up.
type environment struct {
	root    string
	config  aws.Config
	cluster string
	zones   []string
	pid     int // the lab's first process
}

// seen is what haven status tells; only what the soak uses.
type seen struct {
	URL       string `json:"url"`
	Ready     bool   `json:"ready"`
	Balancers []struct{ Zone, Address string }
	Servers   []struct{ ID, Zone string }
	Database  struct {
		ID      string
		Members []struct{ ID, Zone, Role string }
	}
}

func open(ctx context.Context) (*environment, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	if other := os.Getenv("HAVEN_SOAK_ROOT"); other != "" {
		root = other
	}
	e := &environment{root: root}
	raw, err := e.haven(ctx, "lab", "status", "--output", "json")
	if err != nil {
		return nil, fmt.Errorf("looking for the environment: %w; type: scripts/up", err)
	}
	var lab struct {
		PID      int    `json:"pid"`
		Endpoint string `json:"endpoint"`
	}
	if err := json.Unmarshal(raw, &lab); err != nil {
		return nil, err
	}
	e.pid = lab.PID
	e.config = aws.Config{Region: "us-east-1", BaseEndpoint: &lab.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("lab", "lab", "")}
	s, err := e.status()
	if err != nil {
		return nil, err
	}
	for _, node := range s.Balancers {
		e.zones = append(e.zones, node.Zone)
	}
	e.zones = slices.Compact(slices.Sorted(slices.Values(e.zones)))
	e.cluster = s.Database.ID
	if len(e.zones) == 0 || e.cluster == "" {
		return nil, errors.New("the environment has no balancer or no database; type: scripts/up")
	}
	return e, nil
}

func (e *environment) haven(ctx context.Context, arguments ...string) ([]byte, error) {
	return e.run(ctx, filepath.Join(e.root, ".haven", "bin", "haven"), arguments...)
}

func (e *environment) run(ctx context.Context, name string, arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 6*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.root, &out, &said
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(arguments, " "), err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// status is the environment as it is; one that is not well is no error.
func (e *environment) status() (s seen, err error) {
	raw, err := e.haven(context.Background(), "status", "--output", "json")
	if len(raw) == 0 {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

// site is the environment for the workload.
func (e *environment) site() (workload.Site, error) {
	s, err := e.status()
	if err != nil {
		return workload.Site{}, err
	}
	ca, err := os.ReadFile(filepath.Join(e.root, ".haven", "lab", "ca.pem"))
	if err != nil {
		return workload.Site{}, err
	}
	site := workload.Site{URL: s.URL, Roots: x509.NewCertPool(), Tenant: fmt.Sprintf("soak-%d", time.Now().Unix()), Timeout: 10 * time.Second}
	if !site.Roots.AppendCertsFromPEM(ca) {
		return site, errors.New("the lab's authority has no certificate in .haven/lab/ca.pem")
	}
	for _, node := range s.Balancers {
		site.Nodes = append(site.Nodes, workload.Node{Zone: node.Zone, Address: net.JoinHostPort(node.Address, "443")})
	}
	return site, nil
}

// awaitReady waits until the environment is at full strength.
func (e *environment) awaitReady(ctx context.Context, limit time.Duration) error {
	_, err := e.haven(ctx, "status", "--wait", limit.String(), "--output", "json")
	return err
}
