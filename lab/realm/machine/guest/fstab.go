package guest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

type fstabLine struct {
	device, target, kind string
	options              []string
}

func readFstab() []fstabLine {
	text, err := os.ReadFile("/etc/fstab")
	if err != nil {
		return nil
	}
	var lines []fstabLine
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		fields := strings.Fields(in.Text())
		if len(fields) < 4 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		lines = append(lines, fstabLine{fields[0], fields[1], fields[2], strings.Split(fields[3], ",")})
	}
	return lines
}

// mountPoints returns where something is mounted in this instance.
func mountPoints() map[string]bool {
	text, _ := os.ReadFile("/proc/self/mounts")
	points := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			points[fields[1]] = true
		}
	}
	return points
}

// mountAll mounts what /etc/fstab asks for, as at boot. What can't be mounted is told and left out.
func mountAll(r *reaper, j *journal) {
	mounted := mountPoints()
	for _, line := range readFstab() {
		if line.target == "/" || line.kind == "swap" || line.target == "none" || mounted[line.target] || slices.Contains(line.options, "noauto") {
			continue
		}
		if err := mountOne(line.target, r, j); err != nil {
			j.say("systemd", "Failed to mount %s: %v", line.target, err)
		}
	}
}

func mountOne(target string, r *reaper, j *journal) error {
	out, err := j.writer("mount")
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := &exec.Cmd{Path: "/usr/bin/mount", Args: []string{"mount", target}, Env: []string{"PATH=" + searchPath, "LANG=C.UTF-8"}, Stdout: out, Stderr: out}
	_, ended, err := r.start(cmd)
	if err != nil {
		return err
	}
	if status := <-ended; status.ExitStatus() != 0 {
		return fmt.Errorf("mount ended with %s", describe(status))
	}
	return nil
}

// mountFor mounts what /etc/fstab has for a path or a folder above it, unless it is mounted.
func mountFor(path string, r *reaper, j *journal) error {
	mounted := mountPoints()
	for _, line := range readFstab() {
		inside := path == line.target || strings.HasPrefix(filepath.Clean(path)+"/", strings.TrimSuffix(line.target, "/")+"/")
		if line.target == "/" || !inside || mounted[line.target] {
			continue
		}
		if err := mountOne(line.target, r, j); err != nil {
			return fmt.Errorf("mounting %s: %w", line.target, err)
		}
	}
	return nil
}

// unmountAll lets go of network file systems, the last mounted first.
func unmountAll() {
	text, _ := os.ReadFile("/proc/self/mounts")
	var points []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && (strings.HasPrefix(fields[2], "fuse") || strings.HasPrefix(fields[2], "nfs")) {
			points = append(points, fields[1])
		}
	}
	for _, point := range slices.Backward(points) {
		_ = unix.Unmount(point, unix.MNT_DETACH) // the end of the instance unmounts it anyway
	}
}
