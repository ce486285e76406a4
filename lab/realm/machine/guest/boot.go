// Package guest is what runs inside an instance: its first process, which makes the instance's view of the machine, runs
// the user data once, supervises units and ends everything in order; and the commands that user data expects of Amazon
// Linux and that a container of processes lacks: systemctl, journalctl, shutdown and their like. They are one binary, the
// lab's own, told apart by the name they are called by.
//
// The first process comes in two stages. The first, still with all of root's power, mounts the overlay, /proc, /sys, /dev
// and makes it the root; then it gives up for good what could reach the real machine (devices, modules, clock, other
// namespaces' networks) and becomes the second, which lives as long as the instance.
package guest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Names by which the binary is called.
const (
	InitName = "haven-machine-init" // the first process, started by the lab
	bootName = "haven-machine-boot" // its second stage
	execName = "haven-machine-exec" // sets up a service's context and becomes it
)

// Binary is where the binary is inside an instance.
const Binary = "/usr/lib/haven/guest"

// Descriptors that the first process inherits.
const (
	configFD  = 3 // a Config in JSON, up to end of file
	controlFD = 4 // a unix socket over which connections to the control server come
	eventFD   = 5 // Events in JSON, one a line, go out here
	diskFD    = 6 // the instance's volume: a mount that is attached nowhere yet
)

// Exit codes of the first process.
const (
	ExitOff    = 0
	ExitReboot = 64
	ExitBroken = 65 // the instance could not be made; the reason is on the console
)

// Folders of the volume: the two that an overlay needs.
const (
	UpperFolder = "upper"
	WorkFolder  = "work"
)

// Config is what the lab tells the first process.
type Config struct {
	Disk       string // where to mount the volume
	Root       string // where to join it with the host's root
	Binary     string // the program, to be mounted at Binary
	Hostname   string
	InstanceID string
	UserData   []byte
	Agent      string // the URL of the service that the instance's Systems Manager agent registers with; empty: no agent
}

// Event is what the first process reports to the lab.
type Event struct {
	UserData string `json:"userData"` // "running", "done" or "failed"
	ExitCode int    `json:"exitCode"`
	Booted   bool   `json:"booted"`
	// Agent is set when the agent has tried to reach its service, and says nothing else.
	Agent *AgentEvent `json:"agent,omitempty"`
}

// AgentEvent is how it went: empty when the service answered.
type AgentEvent struct {
	Error string `json:"error,omitempty"`
}

// Commands are the names of the commands that the binary replaces inside an instance, with where they are found.
func Commands() map[string]string {
	commands := map[string]string{}
	for name := range fronts {
		commands[name] = "/usr/bin/" + name
	}
	for _, name := range []string{"shutdown", "reboot", "poweroff", "halt"} {
		commands[name] = "/usr/sbin/" + name
	}
	return commands
}

// Dispatch does what the process was started for, and never returns, when it is called by one of the names that this
// package knows; otherwise it returns at once. Call it first of all in main.
func Dispatch() {
	name := filepath.Base(os.Args[0])
	switch name {
	case InitName:
		fail(ExitBroken, enter())
	case bootName:
		fail(ExitBroken, boot())
	case execName:
		become()
	}
	if front, ok := fronts[name]; ok && inside() {
		os.Exit(front(name, os.Args[1:]))
	}
}

// inside tells whether this process runs in an instance: outside, a binary may be called reboot for its own reasons.
func inside() bool {
	_, err := os.Stat(socketPath)
	return err == nil
}

func fail(code int, err error) {
	logf("init", "cannot go on: %v", err)
	os.Exit(code)
}

// logf writes a line to the console.
func logf(source, format string, args ...any) {
	fmt.Printf("[%s] %s: %s\n", time.Now().UTC().Format("15:04:05.000"), source, fmt.Sprintf(format, args...))
}

const (
	runDir     = "/run/haven"
	socketPath = runDir + "/init.sock"
	configPath = runDir + "/config.json"
)

func saveConfig(c Config) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(runDir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(configPath, text, 0o600)
}

func loadConfig() (c Config, err error) {
	text, err := os.ReadFile(configPath)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}
