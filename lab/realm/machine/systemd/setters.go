package systemd

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type setter func(u *Unit, value string) error

// setters are the keys that are honoured. An empty value resets a list, as in systemd.
var setters = map[string]setter{
	"Unit.Description":           text(func(u *Unit) *string { return &u.Description }),
	"Unit.Documentation":         ignore,
	"Unit.After":                 names(func(u *Unit) *[]string { return &u.After }),
	"Unit.Before":                names(func(u *Unit) *[]string { return &u.Before }),
	"Unit.Requires":              names(func(u *Unit) *[]string { return &u.Requires }),
	"Unit.BindsTo":               names(func(u *Unit) *[]string { return &u.Requires }),
	"Unit.Wants":                 names(func(u *Unit) *[]string { return &u.Wants }),
	"Unit.RequiresMountsFor":     names(func(u *Unit) *[]string { return &u.RequiresMountsFor }),
	"Unit.StartLimitIntervalSec": span(func(u *Unit) *time.Duration { return &u.StartLimitInterval }),
	"Unit.StartLimitInterval":    span(func(u *Unit) *time.Duration { return &u.StartLimitInterval }),
	"Unit.StartLimitBurst":       number(func(u *Unit) *int { return &u.StartLimitBurst }, 10),
	"Install.WantedBy":           names(func(u *Unit) *[]string { return &u.WantedBy }),
	"Install.RequiredBy":         names(func(u *Unit) *[]string { return &u.WantedBy }),

	"Service.Type":                   serviceType,
	"Service.ExecStartPre":           commands(func(u *Unit) *[]Command { return &u.StartPre }),
	"Service.ExecStart":              commands(func(u *Unit) *[]Command { return &u.Start }),
	"Service.ExecStartPost":          commands(func(u *Unit) *[]Command { return &u.StartPost }),
	"Service.ExecReload":             commands(func(u *Unit) *[]Command { return &u.Reload }),
	"Service.ExecStop":               commands(func(u *Unit) *[]Command { return &u.Stop }),
	"Service.ExecStopPost":           commands(func(u *Unit) *[]Command { return &u.StopPost }),
	"Service.Restart":                oneOf(func(u *Unit) *string { return &u.Restart }, "no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"),
	"Service.RestartSec":             span(func(u *Unit) *time.Duration { return &u.RestartDelay }),
	"Service.TimeoutStartSec":        span(func(u *Unit) *time.Duration { return &u.StartTimeout }),
	"Service.TimeoutStopSec":         span(func(u *Unit) *time.Duration { return &u.StopTimeout }),
	"Service.TimeoutSec":             bothTimeouts,
	"Service.RemainAfterExit":        flag(func(u *Unit) *bool { return &u.RemainAfterExit }),
	"Service.KillSignal":             killSignal,
	"Service.KillMode":               oneOf(func(u *Unit) *string { return &u.KillMode }, "control-group", "mixed", "process", "none"),
	"Service.SuccessExitStatus":      successStatus,
	"Service.StartLimitInterval":     span(func(u *Unit) *time.Duration { return &u.StartLimitInterval }),
	"Service.StartLimitBurst":        number(func(u *Unit) *int { return &u.StartLimitBurst }, 10),
	"Service.User":                   text(func(u *Unit) *string { return &u.Context.User }),
	"Service.Group":                  text(func(u *Unit) *string { return &u.Context.Group }),
	"Service.SupplementaryGroups":    names(func(u *Unit) *[]string { return &u.Context.Groups }),
	"Service.WorkingDirectory":       text(func(u *Unit) *string { return &u.Context.Directory }),
	"Service.Environment":            environment,
	"Service.EnvironmentFile":        environmentFile,
	"Service.UMask":                  number(func(u *Unit) *int { return &u.Context.UMask }, 8),
	"Service.LimitNOFILE":            limit(unix.RLIMIT_NOFILE),
	"Service.LimitNPROC":             limit(unix.RLIMIT_NPROC),
	"Service.LimitCORE":              limit(unix.RLIMIT_CORE),
	"Service.LimitMEMLOCK":           limit(unix.RLIMIT_MEMLOCK),
	"Service.NoNewPrivileges":        flag(func(u *Unit) *bool { return &u.Context.NoNewPrivileges }),
	"Service.PrivateTmp":             flag(func(u *Unit) *bool { return &u.Context.PrivateTmp }),
	"Service.ProtectSystem":          protection(func(u *Unit) *string { return &u.Context.ProtectSystem }, "full", "strict"),
	"Service.ProtectHome":            protection(func(u *Unit) *string { return &u.Context.ProtectHome }, "read-only", "tmpfs"),
	"Service.ReadWritePaths":         paths(func(u *Unit) *[]File { return &u.Context.ReadWritePaths }),
	"Service.ReadOnlyPaths":          paths(func(u *Unit) *[]File { return &u.Context.ReadOnlyPaths }),
	"Service.RuntimeDirectory":       directory("/run"),
	"Service.StateDirectory":         directory("/var/lib"),
	"Service.CacheDirectory":         directory("/var/cache"),
	"Service.LogsDirectory":          directory("/var/log"),
	"Service.ConfigurationDirectory": directory("/etc"),
	"Service.StandardOutput":         output,
	"Service.StandardError":          output,
	"Service.StandardInput":          onlyNull,
	"Service.SyslogIdentifier":       ignore,
}

// unenforced are keys of systemd that make a service safer or tidier, and change nothing that it does by design.
var unenforced = set(`AmbientCapabilities CapabilityBoundingSet CPUQuota CPUWeight CPUAccounting DefaultDependencies DevicePolicy DeviceAllow DynamicUser
	IOWeight IPAddressAllow IPAddressDeny IPAccounting InaccessiblePaths KeyringMode LockPersonality LogRateLimitBurst LogRateLimitIntervalSec MemoryAccounting
	MemoryDenyWriteExecute MemoryHigh MemoryMax MemorySwapMax Nice OOMPolicy OOMScoreAdjust PartOf PrivateDevices PrivateIPC PrivateMounts PrivateUsers ProcSubset
	ProtectClock ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc RemoveIPC RestrictAddressFamilies
	RestrictNamespaces RestrictRealtime RestrictSUIDSGID SendSIGKILL Slice SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TasksAccounting TasksMax
	Alias Also Conflicts Delegate IgnoreSIGPIPE RestartKillSignal FinalKillSignal StateDirectoryMode RuntimeDirectoryMode CacheDirectoryMode LogsDirectoryMode
	RuntimeDirectoryPreserve SyslogLevel SyslogFacility TimeoutStopFailureMode TimeoutStartFailureMode WatchdogSec StopWhenUnneeded`)

func set(text string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(text) {
		all[word] = true
	}
	return all
}

func ignore(*Unit, string) error { return nil }

func onlyNull(_ *Unit, value string) error {
	if value != "null" {
		return errors.New("the lab gives services no input")
	}
	return nil
}

func text(field func(*Unit) *string) setter {
	return func(u *Unit, value string) error { *field(u) = value; return nil }
}

func names(field func(*Unit) *[]string) setter {
	return func(u *Unit, value string) error {
		list := field(u)
		if value == "" {
			*list = nil
			return nil
		}
		*list = append(*list, strings.Fields(value)...)
		return nil
	}
}

func paths(field func(*Unit) *[]File) setter {
	return func(u *Unit, value string) error {
		list := field(u)
		if value == "" {
			*list = nil
			return nil
		}
		for _, word := range strings.Fields(value) {
			file := file(strings.TrimPrefix(word, "+"))
			if !path.IsAbs(file.Path) {
				return fmt.Errorf("%q is not absolute", word)
			}
			*list = append(*list, file)
		}
		return nil
	}
}

func file(word string) File {
	trimmed, optional := strings.CutPrefix(word, "-")
	return File{Path: trimmed, Optional: optional}
}

func span(field func(*Unit) *time.Duration) setter {
	return func(u *Unit, value string) (err error) { *field(u), err = parseSpan(value); return err }
}

func number(field func(*Unit) *int, base int) setter {
	return func(u *Unit, value string) error {
		n, err := strconv.ParseInt(value, base, 32)
		if err != nil || n < 0 {
			return errors.New("it must be a whole number")
		}
		*field(u) = int(n)
		return nil
	}
}

func oneOf(field func(*Unit) *string, allowed ...string) setter {
	return func(u *Unit, value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("it must be one of %s", strings.Join(allowed, ", "))
		}
		*field(u) = value
		return nil
	}
}

func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, nil
	case "0", "no", "n", "false", "f", "off":
		return false, nil
	}
	return false, errors.New("it must be yes or no")
}

func flag(field func(*Unit) *bool) setter {
	return func(u *Unit, value string) (err error) { *field(u), err = parseBool(value); return err }
}

// protection is a boolean that has stronger forms.
func protection(field func(*Unit) *string, forms ...string) setter {
	return func(u *Unit, value string) error {
		if slices.Contains(forms, value) {
			*field(u) = value
			return nil
		}
		on, err := parseBool(value)
		*field(u) = ""
		if on {
			*field(u) = "true"
		}
		return err
	}
}

func serviceType(u *Unit, value string) error {
	switch value {
	case "simple", "exec", "oneshot":
		u.Type = value
		return nil
	case "idle":
		u.Type = "simple"
		return nil
	case "forking", "notify", "notify-reload", "dbus":
		return fmt.Errorf("the lab runs services of type simple, exec and oneshot, not %s", value)
	}
	return errors.New("there is no such type")
}

func bothTimeouts(u *Unit, value string) (err error) {
	u.StartTimeout, err = parseSpan(value)
	u.StopTimeout = u.StartTimeout
	return err
}

func killSignal(u *Unit, value string) (err error) {
	u.KillSignal, err = ParseSignal(value)
	return err
}

// ParseSignal reads a signal as systemd takes it: its number, or its name with or without SIG.
func ParseSignal(value string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(value); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	if !strings.HasPrefix(value, "SIG") {
		value = "SIG" + value
	}
	if signal := unix.SignalNum(value); signal != 0 {
		return signal, nil
	}
	return 0, errors.New("there is no such signal")
}

func successStatus(u *Unit, value string) error {
	for _, word := range strings.Fields(value) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return errors.New("the lab knows exit codes as numbers only")
		}
		u.SuccessStatus = append(u.SuccessStatus, n)
	}
	return nil
}

func limit(resource int) setter {
	return func(u *Unit, value string) error {
		if value == "infinity" {
			u.Context.Limits[resource] = unix.RLIM_INFINITY
			return nil
		}
		soft, _, _ := strings.Cut(value, ":")
		n, err := strconv.ParseUint(soft, 10, 63)
		if err != nil {
			return errors.New("it must be a whole number or infinity")
		}
		u.Context.Limits[resource] = n
		return nil
	}
}

func directory(parent string) setter {
	return func(u *Unit, value string) error {
		for _, name := range strings.Fields(value) {
			if path.IsAbs(name) || strings.Contains(name, "..") {
				return fmt.Errorf("%q must be relative", name)
			}
			u.Context.Directories = append(u.Context.Directories, Directory{Path: path.Join(parent, name), Mode: 0o755})
		}
		return nil
	}
}

func output(u *Unit, value string) error {
	switch value {
	case "journal", "inherit", "syslog", "kmsg", "journal+console", "tty":
		return nil
	case "null":
		u.Context.NoOutput = true
		return nil
	}
	return errors.New("the lab sends output to the journal or to null")
}
