package machine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/guest"
)

// process is a running machine.
type process struct {
	cmd      *exec.Cmd
	control  *os.File // connections to the init go out over it
	metadata *metadataServer
	group    cgroup
	client   *http.Client
	volume   *volume
	console  *console

	events chan guest.Event
	booted chan struct{} // closed when the init runs
	ended  chan struct{} // closed when nothing of the machine runs any more
	noted  chan struct{} // closed when the instance knows
	state  *os.ProcessState

	unmounted error // what went wrong with its volume in the end

	mu      sync.Mutex // of what follows
	credits credits
	held    bool // to its baseline
}

// newProcess starts the first process of a machine, limited before it does anything. When it fails, the
// volume is closed.
func (i *instance) newProcess(spec Spec, disk *volume) (p *process, err error) {
	p = &process{volume: disk, events: make(chan guest.Event, 16), booted: make(chan struct{}), ended: make(chan struct{}), noted: make(chan struct{})}
	undo := []func(){func() { _ = disk.close() }}
	defer func() {
		if err != nil {
			for n := len(undo) - 1; n >= 0; n-- {
				undo[n]()
			}
		}
	}()
	if p.metadata, err = i.serveMetadata(spec); err != nil {
		return nil, fmt.Errorf("serving its metadata: %w", err)
	}
	undo = append(undo, func() { p.metadata.Close() })
	if p.group, err = i.manager.cgroups.create(i.id, spec.CPUs, spec.MemoryMiB); err != nil {
		return nil, fmt.Errorf("limiting it: %w", err)
	}
	undo = append(undo, func() { _ = p.group.remove() })
	if p.console, err = openConsole(i.dir); err != nil {
		return nil, fmt.Errorf("opening its console: %w", err)
	}
	ends, err := openEnds(disk)
	if err != nil {
		return nil, errors.Join(err, p.console.Close())
	}
	p.control = ends.control
	p.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{guest.InitName}, Env: []string{}, Dir: "/", Stdout: ends.consoleIn, Stderr: ends.consoleIn,
		ExtraFiles: []*os.File{ends.configOut, ends.controlInside, ends.eventIn, ends.disk}}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC}
	err = spec.Namespace.Start(p.cmd)
	ends.closeInside()
	if err != nil {
		ends.closeOutside()
		return nil, errors.Join(fmt.Errorf("starting its init: %w", err), p.console.Close())
	}
	p.client = &http.Client{Transport: transport(p.control)}
	go copyConsole(ends.consoleOut, p.console)
	go p.readEvents(ends.eventOut)
	go p.wait()
	if err := p.configure(ends.configIn, i.dir, filepath.Join(i.manager.opts.Dir, binaryFile), spec); err != nil {
		undo = nil // what ended has cleaned up
		p.kill()
		<-p.ended
		return nil, err
	}
	return p, nil
}

// configure limits the process, which waits for it, and tells it what to be.
func (p *process) configure(to *os.File, dir, binary string, spec Spec) error {
	defer to.Close()
	if err := p.group.add(p.cmd.Process.Pid); err != nil {
		return fmt.Errorf("limiting its init: %w", err)
	}
	err := json.NewEncoder(to).Encode(guest.Config{
		Disk: filepath.Join(dir, diskFolder), Root: filepath.Join(dir, rootFolder),
		Binary: binary, Hostname: spec.Hostname, InstanceID: spec.ID, UserData: spec.UserData, Agent: spec.Agent,
	})
	if err != nil {
		return fmt.Errorf("configuring its init: %w", err)
	}
	return nil
}

func (p *process) readEvents(from *os.File) {
	defer close(p.events)
	defer from.Close()
	first := true
	for in := json.NewDecoder(bufio.NewReader(from)); ; {
		var event guest.Event
		if in.Decode(&event) != nil {
			return
		}
		if first && event.Booted {
			close(p.booted)
			first = false
		}
		p.events <- event
	}
}

// wait cleans up after the machine. The kernel has then killed every process of its pid namespace.
func (p *process) wait() {
	_ = p.cmd.Wait() // the state tells
	p.state = p.cmd.ProcessState
	p.metadata.Close()
	p.client.CloseIdleConnections()
	p.control.Close()
	_ = p.group.remove() // what is left is cleared by the next manager
	p.unmounted = p.volume.close()
	close(p.ended)
}

func (p *process) kill()      { _ = p.cmd.Process.Kill() } // it may have ended
func (p *process) terminate() { _ = p.cmd.Process.Signal(unix.SIGTERM) }

// ends are the two sides of what connects a machine with the lab.
type ends struct {
	configOut, configIn    *os.File // read inside, written outside
	control, controlInside *os.File
	eventOut, eventIn      *os.File // read outside, written inside
	consoleOut, consoleIn  *os.File
	disk                   *os.File // used inside
}

func openEnds(disk *volume) (e ends, err error) {
	var errs [5]error
	e.configOut, e.configIn, errs[0] = os.Pipe()
	e.eventOut, e.eventIn, errs[1] = os.Pipe()
	e.consoleOut, e.consoleIn, errs[2] = os.Pipe()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		e.control, e.controlInside = os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	}
	errs[3] = err
	e.disk, errs[4] = disk.copy()
	if err := errors.Join(errs[:]...); err != nil {
		e.closeInside()
		e.closeOutside()
		return e, fmt.Errorf("connecting with its init: %w", err)
	}
	return e, nil
}

func (e ends) closeInside()  { closeAll(e.configOut, e.controlInside, e.eventIn, e.consoleIn, e.disk) }
func (e ends) closeOutside() { closeAll(e.configIn, e.control, e.eventOut, e.consoleOut) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

func copyConsole(from *os.File, to io.WriteCloser) {
	_, _ = io.Copy(to, from) // a full disk must not stop the machine from being read
	_, _ = io.Copy(io.Discard, from)
	from.Close()
	to.Close()
}
