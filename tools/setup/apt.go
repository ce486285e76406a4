package main

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// aptScript installs packages without starting their services.
//
//go:embed apt.sh
var aptScript string

// aptInstall installs packages as root.
func aptInstall(ctx context.Context, packages []string) error {
	c := exec.CommandContext(ctx, "sh", append([]string{"-c", aptScript, "apt"}, packages...)...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = time.Minute // dpkg ends what it is in the middle of
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return commandError(ctx, err, said.String())
	}
	return nil
}
