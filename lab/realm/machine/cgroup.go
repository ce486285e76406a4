package machine

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuPeriod is how often the quota of processor time is given anew, in microseconds.
const cpuPeriod = 100_000

// maxProcesses of one machine: a fork bomb ends there.
const maxProcesses = 2048

// controllers of cgroup v1 that limit and measure machines.
var controllers = []string{"cpu", "cpuacct", "memory", "pids", "devices"}

// devices are what a machine may use: null, zero, full, random, urandom, tty, ptmx, pts and fuse. Not disks.
var devices = []string{"c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:2", "c 136:*", "c 10:229"}

// cgroups are the folders, one a controller, below which machines have theirs. They lie below the lab's own: a limit
// on the lab holds for its machines.
type cgroups map[string]string

func findCgroups(dir string) cgroups {
	hash := fnv.New32a()
	hash.Write([]byte(dir))
	name := fmt.Sprintf("haven-%08x", hash.Sum32())
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return cgroups{}
	}
	found := cgroups{}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for _, controller := range strings.Split(fields[1], ",") {
			own := filepath.Join("/sys/fs/cgroup", controller, fields[2])
			for _, wanted := range controllers {
				if _, err := os.Stat(filepath.Join(own, "tasks")); controller == wanted && err == nil {
					found[controller] = filepath.Join(own, name)
				}
			}
		}
	}
	return found
}

func (c cgroups) missing() []string {
	var names []string
	for _, controller := range controllers {
		if c[controller] == "" {
			names = append(names, controller)
		}
	}
	return names
}

// clear removes every folder that has no process in it.
func (c cgroups) clear() error {
	var errs []error
	for _, base := range c {
		machines, _ := filepath.Glob(filepath.Join(base, "*", "tasks"))
		for _, tasks := range machines {
			errs = append(errs, removeFolder(filepath.Dir(tasks)))
		}
		errs = append(errs, removeFolder(base))
	}
	return errors.Join(errs...)
}

// cgroup is one machine's folders.
type cgroup map[string]string

func (c cgroups) create(id string, cpus float64, memoryMiB int64) (cgroup, error) {
	g := cgroup{}
	for controller, base := range c {
		g[controller] = filepath.Join(base, id)
		if err := os.MkdirAll(g[controller], 0o755); err != nil {
			return nil, errors.Join(err, g.remove())
		}
	}
	if err := g.limit(cpus, memoryMiB); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

func (g cgroup) limit(cpus float64, memoryMiB int64) error {
	errs := []error{g.write("pids", "pids.max", strconv.Itoa(maxProcesses))}
	if cpus > 0 {
		errs = append(errs, g.write("cpu", "cpu.cfs_period_us", strconv.Itoa(cpuPeriod)), g.write("cpu", "cpu.cfs_quota_us", strconv.Itoa(int(cpus*cpuPeriod))))
	}
	if memoryMiB > 0 {
		errs = append(errs, g.write("memory", "memory.limit_in_bytes", strconv.FormatInt(memoryMiB<<20, 10)))
	}
	errs = append(errs, g.write("devices", "devices.deny", "a"))
	for _, device := range devices {
		errs = append(errs, g.write("devices", "devices.allow", device+" rwm"))
	}
	return errors.Join(errs...)
}

func (g cgroup) write(controller, file, text string) error {
	if g[controller] == "" {
		return nil // the manager said once that it is missing
	}
	return os.WriteFile(filepath.Join(g[controller], file), []byte(text), 0)
}

func (g cgroup) add(pid int) error {
	var errs []error
	for controller := range g {
		errs = append(errs, g.write(controller, "cgroup.procs", strconv.Itoa(pid)))
	}
	return errors.Join(errs...)
}

func (g cgroup) remove() error {
	var errs []error
	for _, dir := range g {
		errs = append(errs, removeFolder(dir))
	}
	return errors.Join(errs...)
}

// removeFolder removes a cgroup once the kernel has let go of its last process.
func removeFolder(dir string) error {
	var err error
	for range 200 {
		if err = unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("removing cgroup %s: %w", dir, err)
}

// ClearCgroups removes the empty control groups that the machines below a folder had, as a killed lab leaves them.
func ClearCgroups(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding the machines' folder: %w", err)
	}
	return findCgroups(dir).clear()
}
