package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/require"

	"haven/lab/control"
	"haven/lab/daemon"
	"haven/lab/realm/host"
)

const (
	// Region is where tests make things.
	Region  = "us-east-1"
	address = "127.0.0.1:4566"
	// Account is the lab's account number.
	Account    = "000000000000"
	startLimit = time.Minute
)

// World is a running lab, with clients that retry as Amazon's do.
type World struct {
	Dir      string // of the lab's state
	Base     string // the folder above it, for what tests keep
	Endpoint string
	Config   aws.Config // of the operator, in Region; make the clients that are missing here with it

	Control     *control.Client
	EC2         *ec2.Client
	ELB         *elasticloadbalancingv2.Client
	AutoScaling *autoscaling.Client
	IAM         *iam.Client

	pid      int
	networks int
	mu       sync.Mutex
}

// shared is the process's lab.
var shared fleet

type fleet struct {
	once  sync.Once
	world *World
	err   error
	use   sync.RWMutex
}

// Open returns the lab, which other tests may use at the same time. Call t.Parallel, if at all, before it.
func Open(t testing.TB) *World {
	t.Helper()
	w := shared.open(t)
	shared.use.RLock()
	t.Cleanup(shared.use.RUnlock)
	w.explain(t)
	return w
}

// OpenAlone returns the lab when no other test uses it, and keeps it from others until the test ends.
func OpenAlone(t testing.TB) *World {
	t.Helper()
	w := shared.open(t)
	shared.use.Lock()
	t.Cleanup(shared.use.Unlock)
	w.explain(t)
	return w
}

func (f *fleet) open(t testing.TB) *World {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a whole lab")
	}
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	f.once.Do(func() { f.world, f.err = begin() })
	require.NoError(t, f.err)
	return f.world
}

func (f *fleet) end() {
	if f.world == nil {
		return
	}
	if err := f.world.remove(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
}

func begin() (*World, error) {
	base, err := os.MkdirTemp("", "hvt-lab-")
	if err != nil {
		return nil, fmt.Errorf("making the lab's folder: %w", err)
	}
	w := &World{Base: base, Dir: filepath.Join(base, "lab"), Endpoint: "http://" + address}
	shared.world = w // so that a failed start is cleared away, too
	if err := os.Chmod(base, 0o755); err != nil {
		return nil, err
	}
	if err := w.Start(); err != nil {
		return nil, err
	}
	w.Config = aws.Config{
		Region: Region, BaseEndpoint: aws.String(w.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("lab", "lab", ""),
	}
	w.EC2, w.ELB = ec2.NewFromConfig(w.Config), elasticloadbalancingv2.NewFromConfig(w.Config)
	w.AutoScaling, w.IAM = autoscaling.NewFromConfig(w.Config), iam.NewFromConfig(w.Config)
	return w, nil
}

// Start starts the lab, which goes on where it was.
func (w *World) Start() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the own executable: %w", err)
	}
	status, err := daemon.Start(context.Background(), daemon.Options{
		Dir: w.Dir, Wait: startLimit, Init: []string{self, "lab-init"}, Command: []string{self, "lab-serve", w.Dir},
	})
	if err != nil {
		return err
	}
	w.Control, w.pid = control.NewClient(w.Dir), status.PID
	return nil
}

// Kill ends the lab as a power cut would and returns when all its processes have gone.
func (w *World) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, syscall.Kill(w.pid, syscall.SIGKILL))
	Wait(t, "the lab's socket to close", startLimit, func() error {
		if _, err := w.Control.Status(t.Context()); !errors.Is(err, control.ErrNotRunning) {
			return fmt.Errorf("it still answers (%v)", err)
		}
		return nil
	})
}

// PID is the lab's first process.
func (w *World) PID() int { return w.pid }

func (w *World) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	_, err := daemon.Stop(ctx, w.Dir)
	if kept := os.Getenv("HAVEN_CONFORMANCE_KEEP"); kept != "" {
		fmt.Fprintln(os.Stderr, "conformance: kept", w.Base)
		return err
	}
	return errors.Join(err, os.RemoveAll(w.Base))
}
