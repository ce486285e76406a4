package guest

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// machine is the running instance, seen from its first process.
type machine struct {
	config  Config
	reaper  *reaper
	journal *journal
	units   *units
	booted  time.Time

	events *json.Encoder
	mu     sync.Mutex // of events
	ending sync.Once
}

// boot is the second stage.
func boot() error {
	config, err := loadConfig()
	if err != nil {
		return err
	}
	for _, fd := range []int{controlFD, eventFD} {
		unix.CloseOnExec(fd)
	}
	m := &machine{config: config, reaper: newReaper(), journal: newJournal(os.Stdout), booted: time.Now(),
		events: json.NewEncoder(os.NewFile(eventFD, "events"))}
	reserveThreads()
	m.units = newUnits(m.reaper, m.journal)
	inside, err := listenInside()
	if err != nil {
		return err
	}
	server := &http.Server{Handler: m.handler(), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(inside) // both end with the machine
	go server.Serve(newPassed(controlFD, m.abandoned))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGPWR)
	go func() {
		<-signals
		m.end(ExitOff)
	}()
	m.journal.say("init", "%s (%s) booted", config.Hostname, config.InstanceID)
	m.report(Event{Booted: true})
	if config.Agent != "" {
		go m.runAgent(config.Agent)
	}
	m.start()
	select {} // the signal, a command or the lab's end ends it
}

// start does what a boot does: mounts, enabled units, user data on the first boot.
func (m *machine) start() {
	mountAll(m.reaper, m.journal)
	if names := enabled(); len(names) > 0 {
		if err := m.units.start(names...); err != nil {
			m.journal.say("systemd", "%v", err)
		}
	}
	if _, err := os.Stat(ranFile); err == nil {
		m.report(Event{Booted: true, UserData: "done"})
		return
	}
	m.report(Event{Booted: true, UserData: "running"})
	exit, err := runUserData(m.config.UserData, m.reaper, m.journal)
	event := Event{Booted: true, UserData: "done", ExitCode: exit}
	if err != nil {
		m.journal.say("cloud-init", "%v", err)
	}
	if exit != 0 {
		event.UserData = "failed"
	}
	m.journal.say("cloud-init", "user data %s after %.2f s (exit code %d)", event.UserData, time.Since(m.booted).Seconds(), exit)
	m.report(event)
}

// reserveThreads makes threads while there is room for them: the runtime keeps them, and so this process can still work
// when a fork bomb has taken every process that the instance may have.
func reserveThreads() {
	const spare = 24
	var all sync.WaitGroup
	for range spare {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			time.Sleep(time.Millisecond) // until the others have theirs
		})
	}
	all.Wait()
}

func (m *machine) report(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.events.Encode(e) // without a lab there is nobody to tell
}

// abandoned is called when the lab has gone: an instance does not outlive its hypervisor.
func (m *machine) abandoned() { os.Exit(ExitOff) }

// end stops everything in order and ends the instance; who calls it again only waits.
func (m *machine) end(code int) {
	m.ending.Do(func() {
		m.journal.say("init", "going down")
		m.units.stopAll()
		unmountAll()
		_ = unix.Kill(-1, unix.SIGTERM) // every other process of the instance
		for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline) && alone() != nil; {
			time.Sleep(10 * time.Millisecond)
		}
		m.journal.say("init", "down")
		os.Exit(code)
	})
	select {}
}

// alone returns nil when no other process is left.
func alone() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != "1" && name[0] >= '0' && name[0] <= '9' {
			return os.ErrExist
		}
	}
	return nil
}

func listenInside() (net.Listener, error) {
	listener, err := net.Listen("unix", socketPath)
	if err != nil {
		return nil, err
	}
	return listener, os.Chmod(socketPath, 0o600)
}
