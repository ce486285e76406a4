package systemd_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/machine/systemd"
)

func parse(t *testing.T, text string) *systemd.Unit {
	t.Helper()
	u, err := systemd.Parse("web.service", strings.NewReader(text))
	require.NoError(t, err)
	return u
}

func TestAServiceOfAmazonLinux(t *testing.T) {
	u := parse(t, `
# a comment
[Unit]
Description=Haven
After=network-online.target remote-fs.target
Wants=network-online.target
RequiresMountsFor=/srv/haven/shared
StartLimitIntervalSec=0

[Service]
Type=simple
User=haven
Group=haven
EnvironmentFile=/etc/haven/app.env
EnvironmentFile=-/etc/haven/more.env
Environment="ONE=a b" TWO=2
ExecStartPre=-/bin/false
ExecStart=/opt/haven/haven-app \
  --name "${ONE}" $LIST
Restart=always
RestartSec=1
TimeoutStopSec=1min 30s
LimitNOFILE=65536
KillSignal=SIGINT
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
ReadWritePaths=/srv/haven/shared -/nothing
SystemCallFilter=@system-service
Frobnicate=yes

[Install]
WantedBy=multi-user.target
`)
	require.Equal(t, "haven", u.Context.User)
	require.Equal(t, []string{"network-online.target", "remote-fs.target"}, u.After)
	require.Zero(t, u.StartLimitInterval)
	require.Equal(t, 90*time.Second, u.StopTimeout)
	require.Equal(t, time.Second, u.RestartDelay)
	require.Equal(t, syscall.SIGINT, u.KillSignal)
	require.Equal(t, map[int]uint64{7: 65536}, u.Context.Limits)
	require.Equal(t, "strict", u.Context.ProtectSystem)
	require.Equal(t, "true", u.Context.ProtectHome)
	require.Equal(t, []systemd.File{{Path: "/srv/haven/shared"}, {Path: "/nothing", Optional: true}}, u.Context.ReadWritePaths)
	require.True(t, u.StartPre[0].IgnoreFailure)
	require.Equal(t, []string{"multi-user.target"}, u.WantedBy)
	require.Len(t, u.Notices, 2)
	require.Contains(t, u.Notices[0], "SystemCallFilter")
	require.Contains(t, u.Notices[1], "Unknown key name 'Frobnicate' in section 'Service', ignoring.")

	env, err := u.Environ(func(path string) (string, error) {
		if path == "/etc/haven/app.env" {
			return "# comment\nLIST=x  y\nQUOTED=\"a \\\" b\"\nSINGLE='$x'\nbad line\nTWO=3\n", nil
		}
		return "", errors.New("missing")
	})
	require.NoError(t, err)
	require.Equal(t, []string{"ONE=a b", "TWO=2", "LIST=x  y", `QUOTED=a " b`, "SINGLE=$x", "TWO=3"}, env)
	require.Equal(t, []string{"/opt/haven/haven-app", "--name", "a b", "x", "y"}, u.Start[0].Resolve(env))
}

func TestAMissingEnvironmentFileIsAnError(t *testing.T) {
	u := parse(t, "[Service]\nExecStart=/bin/true\nEnvironmentFile=/missing\n")
	_, err := u.Environ(func(string) (string, error) { return "", errors.New("missing") })
	require.ErrorContains(t, err, "Failed to load environment files")
}

func TestWhatIsRefused(t *testing.T) {
	for text, why := range map[string]string{
		"[Service]\nRestart=always\n":                                     "no ExecStart",
		"[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n":                 "more than one ExecStart",
		"[Service]\nType=oneshot\nExecStart=/bin/a\nRestart=always\n":     "isn't allowed for Type=oneshot",
		"[Service]\nType=notify\nExecStart=/bin/a\n":                      "not notify",
		"[Service]\nExecStart=/bin/a \"b\n":                               "not closed",
		"[Service]\nExecStart=/bin/a\nRestart=sometimes\n":                "must be one of",
		"[Service]\nExecStart=/bin/a\nRestartSec=soon\n":                  "time span",
		"[Service]\nExecStart=/bin/a\nKillSignal=SIGNOTHING\n":            "no such signal",
		"[Service]\nExecStart=/bin/a\nReadWritePaths=relative\n":          "not absolute",
		"[Service]\nExecStart=/bin/a\nStandardOutput=append:/var/log/x\n": "journal",
		"[Service]\nExecStart=/bin/a\nLimitNOFILE=many\n":                 "whole number",
		"[Service\nExecStart=/bin/a\n":                                    "web.service",
		"[Service]\nExecStart=/bin/a\nPrivateTmp=maybe\n":                 "yes or no",
		"[Service]\nExecStart=@/bin/a b\n":                                "prefix @",
	} {
		_, err := systemd.Parse("web.service", strings.NewReader(text))
		require.ErrorContains(t, err, why, text)
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		`/bin/sh -c 'echo "a  b"; exit 1'`: {"/bin/sh", "-c", `echo "a  b"; exit 1`},
		`/bin/x a\ b "" c\n`:               {"/bin/x", "a b", "", "c\n"},
		`/bin/x $$HOME a${B}c $`:           {"/bin/x", "$HOME", "a-c", "$"},
		`:/bin/x ${B}`:                     {"/bin/x", "${B}"},
	} {
		u := parse(t, "[Service]\nExecStart="+line+"\n")
		require.Equal(t, want, u.Start[0].Resolve([]string{"B=-"}), line)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[Service]\nExecStart=/bin/x \"a\\\nEnvironment=A=${B} 'x\n")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := systemd.Parse("x.service", strings.NewReader(text))
		if err == nil && len(u.Start) > 0 {
			u.Start[0].Resolve(u.Context.Environment)
		}
	})
}
