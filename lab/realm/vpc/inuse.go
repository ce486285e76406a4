package vpc

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// InUse returns an error that names the process which listens on an address, as far as /proc tells.
func InUse(address netip.AddrPort) error {
	what := fmt.Sprintf("port %d of %s is in use", address.Port(), address.Addr())
	inode, ok := listeningInode(address)
	if !ok {
		return fmt.Errorf("%s; type: ss -ltnp 'sport = :%d'", what, address.Port())
	}
	pid, name, ok := socketOwner(inode)
	if !ok {
		return fmt.Errorf("%s by a process that is not to be seen; type: sudo ss -ltnp 'sport = :%d'", what, address.Port())
	}
	return fmt.Errorf("%s by process %s (%s); end it, type: kill %s", what, pid, name, pid)
}

// listeningInode finds the listening socket in this thread's table, whose addresses are in the machine's byte order.
func listeningInode(address netip.AddrPort) (string, bool) {
	file, err := os.Open("/proc/thread-self/net/tcp")
	if err != nil {
		return "", false
	}
	defer file.Close()
	const listening = "0A"
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		ip := address.Addr().As4()
		own := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), address.Port())
		any := fmt.Sprintf("00000000:%04X", address.Port())
		if fields[1] == own || fields[1] == any {
			return fields[9], true
		}
	}
	return "", false
}

// socketOwner finds a process that has the socket open.
func socketOwner(inode string) (pid, name string, ok bool) {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "", "", false
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			pid := strings.Split(link, "/")[2]
			name, _ := os.ReadFile(filepath.Join("/proc", pid, "comm")) // it may have ended
			return pid, strings.TrimSpace(string(name)), true
		}
	}
	return "", "", false
}
