package lab

import (
	"errors"
	"os"
	"path/filepath"

	"haven/lab/control"
	"haven/lab/realm/machine"
)

// CleanUp removes what a stopped or killed lab left outside its own namespaces: its socket and empty control groups.
// Processes, mounts, namespaces and loop devices have gone with the lab's first process.
func CleanUp(dir string) error {
	socket := os.Remove(filepath.Join(dir, control.SocketFile))
	if errors.Is(socket, os.ErrNotExist) {
		socket = nil
	}
	return errors.Join(socket, machine.ClearCgroups(filepath.Join(dir, "instances")))
}
