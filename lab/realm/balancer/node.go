package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"time"

	"haven/lab/realm/host"
)

const (
	masterSocket = "master.sock"
	beat         = time.Second // how often a node is looked at
	statBeats    = 5           // beats between two readings of the statistics
	restartDelay = 500 * time.Millisecond
	reloadLimit  = 15 * time.Second
)

// node is one running node.
type node struct {
	id        string // the interface's
	dir       string
	namespace *host.Namespace
	log       *slog.Logger
	access    func(Entry)
	changed   func() // tells the manager that an observation changed
	console   console
	prober    prober
	stop      context.CancelFunc
	wake      chan struct{}
	done      sync.WaitGroup

	applying sync.Mutex // one apply at a time
	applied  *Spec      // the last one that succeeded

	mu        sync.Mutex
	spec      Spec   // as applied, with InService as the checker has it
	structure string // of the running configuration
	process   *host.Process
	logs      *os.File
	sink      *accessSink
	watched   map[watchKey]*watched
	told      map[string]service // by a server's path, as the running worker knows
	worker    string             // the worker's pid that told is about
	running   bool
	hung      bool // its processes were told to stand still
	failure   string
	counters  counters
}

type watchKey struct {
	Group  string
	Target TargetKey
}

// watched is a target under check.
type watched struct {
	target   Target
	check    HealthCheck
	judge    judge
	cancel   context.CancelFunc // nil while draining
	founding bool               // it came when its group had no targets
	slow     time.Time          // since when it starts slowly; zero: it has its full share
	inFlight int64
	quiet    bool // draining, known to the worker, and nothing is in flight
}

func newNode(id, dir string, namespace *host.Namespace, options Options, changed func()) (*node, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the node's folder: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &node{
		id: id, dir: dir, namespace: namespace, log: options.Log, access: options.Access, changed: changed,
		console: console{dir}, prober: prober{namespace.DialContext}, stop: stop, wake: make(chan struct{}, 1),
		watched: map[watchKey]*watched{}, told: map[string]service{}, failure: "starting",
	}
	sink, err := openAccessSink(n.handle)
	if err != nil {
		stop()
		return nil, err
	}
	n.sink = sink
	n.done.Go(func() { n.look(ctx) })
	return n, nil
}

// apply makes the node what the spec says. A configuration that HAProxy refuses leaves the former one running.
func (n *node) apply(ctx context.Context, spec Spec) error {
	n.applying.Lock()
	defer n.applying.Unlock()
	if n.applied != nil && reflect.DeepEqual(*n.applied, spec) {
		return nil
	}
	n.applied = nil
	n.cut(ctx, n.adopt(spec))
	wanted, err := structure(spec)
	if err != nil {
		return err
	}
	n.mu.Lock()
	same := n.structure == wanted && n.process != nil
	n.mu.Unlock()
	if same {
		n.applied = &spec
		n.poke()
		return nil
	}
	if err := n.install(ctx, wanted); err != nil {
		return err
	}
	if n.process == nil {
		err = n.start()
	} else {
		err = n.process.Signal(syscall.SIGUSR2)
	}
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.structure = wanted
	n.mu.Unlock()
	if err := n.await(ctx, wanted); err != nil {
		return err
	}
	n.applied = &spec
	n.poke()
	return nil
}

// install checks the new configuration and puts it in place.
func (n *node) install(ctx context.Context, generation string) error {
	n.mu.Lock()
	spec := n.spec
	n.mu.Unlock()
	for name, content := range Files(spec) {
		if err := os.WriteFile(filepath.Join(n.dir, name), content, 0o600); err != nil {
			return fmt.Errorf("writing a file of node %s: %w", spec.Interface, err)
		}
	}
	if err := n.write(configFile+".new", generation); err != nil {
		return err
	}
	check := exec.CommandContext(ctx, "haproxy", "-c", "-f", configFile+".new")
	check.Dir = n.dir
	if out, err := check.CombinedOutput(); err != nil {
		return fmt.Errorf("checking the configuration %s of node %s: %w: %s", filepath.Join(n.dir, configFile+".new"), spec.Interface, err, out)
	}
	return n.rename()
}

func (n *node) write(name, generation string) error {
	n.mu.Lock()
	text, err := Config(n.spec)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(withGeneration(text, generation)), 0o600); err != nil {
		return fmt.Errorf("writing a node's configuration: %w", err)
	}
	return nil
}

func (n *node) rename() error {
	if err := os.Rename(filepath.Join(n.dir, configFile+".new"), filepath.Join(n.dir, configFile)); err != nil {
		return fmt.Errorf("replacing a node's configuration: %w", err)
	}
	return nil
}

func (n *node) start() error {
	logs, err := os.OpenFile(filepath.Join(n.dir, "haproxy.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening HAProxy's log: %w", err)
	}
	process, err := host.StartProcess(host.ProcessSpec{
		Name: "haproxy of " + n.id, Namespace: n.namespace, Output: logs, Restart: true, Delay: restartDelay,
		Command: func() *exec.Cmd {
			cmd := exec.Command("haproxy", "-W", "-S", "unix@"+masterSocket, "-f", configFile)
			cmd.Dir = n.dir
			cmd.ExtraFiles = []*os.File{n.sink.writing} // logDescriptor
			return cmd
		},
		Exited: func(err error) { n.exited(err) },
	})
	if err != nil {
		return errors.Join(err, logs.Close())
	}
	n.mu.Lock()
	n.process, n.logs = process, logs
	n.mu.Unlock()
	return nil
}

func (n *node) exited(err error) {
	n.log.Warn("a balancer node's HAProxy ended and is started again", "interface", n.id, "error", err)
	n.setRunning(false, fmt.Sprintf("HAProxy ended: %v", err))
	n.poke()
}

// await waits until a worker with the configuration answers.
func (n *node) await(ctx context.Context, generation string) error {
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	for {
		_, err := n.console.askWorker(ctx, generation)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for HAProxy of node %s to run its new configuration: %w; it says: %s", n.id, err, n.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastWords is the end of what HAProxy printed.
func (n *node) lastWords() string {
	printed, err := os.ReadFile(filepath.Join(n.dir, "haproxy.log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(printed[max(0, len(printed)-1000):]))
}

func (n *node) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// close ends HAProxy and the checks.
func (n *node) close(ctx context.Context) error {
	n.stop()
	n.mu.Lock()
	for _, watch := range n.watched {
		if watch.cancel != nil {
			watch.cancel()
		}
	}
	process, logs := n.process, n.logs
	n.mu.Unlock()
	var errs []error
	if process != nil {
		errs = append(errs, process.Stop(ctx, syscall.SIGTERM), logs.Close())
	}
	errs = append(errs, n.sink.close())
	n.done.Wait()
	return errors.Join(append(errs, os.RemoveAll(n.dir))...)
}
