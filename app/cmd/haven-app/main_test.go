package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/app/internal/database"
	"haven/app/internal/files"
	"haven/app/internal/pgtest"
	"haven/app/internal/settings"
	"haven/app/limits"
)

// TestMain lets the test binary be the application: the tests start it as a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("HAVEN_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(env ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{"HAVEN_TEST_MAIN=1", "PATH=" + os.Getenv("PATH")}, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func TestAWrongEnvironmentIsListedWhole(t *testing.T) {
	cmd, out := command("HAVEN_DRAIN_SECONDS=soon")
	err := cmd.Run()
	require.ErrorContains(t, err, "exit status 2")
	require.Contains(t, out.String(), "HAVEN_DRAIN_SECONDS")
	require.Contains(t, out.String(), "HAVEN_SHARED_DIR")
}

func TestTheWholeApplication(t *testing.T) {
	database := pgtest.Start(t)
	shared := t.TempDir()
	port := freePort(t)
	url := "http://127.0.0.1:" + port
	cmd, out := command("HAVEN_LISTEN=127.0.0.1:"+port, "HAVEN_INSTANCE_ID=i-1", "HAVEN_ZONE=us-east-1a", "HAVEN_VERSION=v1",
		"HAVEN_DB_WRITER_HOST="+database.Address(), "HAVEN_DB_NAME=haven", "HAVEN_DB_CA_FILE="+database.CA,
		"HAVEN_DB_SECRET_JSON_FILE="+pgtest.Secret(t, pgtest.Password), "HAVEN_SHARED_DIR="+shared, "HAVEN_DETECTION_SECONDS=3", "HAVEN_DRAIN_SECONDS=2")
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool { return get(url+"/ready") == 200 }, 20*time.Second, 50*time.Millisecond)

	response, err := http.Post(url+"/tenants/acme/ledger", "application/json", strings.NewReader(`{"a": 1}`))
	require.NoError(t, err)
	require.Equal(t, 201, response.StatusCode)
	response.Body.Close()
	response, err = http.Get(url + "/tenants/acme/ledger?consistent=true")
	require.NoError(t, err)
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	require.Contains(t, string(text), `"body":{"a":1}`)

	database.Kill()
	require.Eventually(t, func() bool { return get(url+"/ready") == 503 }, 2*max(writerGrace, readerGrace), 100*time.Millisecond, "a dead database, once its grace is over")
	require.Equal(t, 200, get(url+"/live"))
	database.Up()
	require.Eventually(t, func() bool { return get(url+"/ready") == 200 }, 20*time.Second, 100*time.Millisecond, "a database that is back")

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return get(url+"/ready") == 503 }, 2*time.Second, time.Millisecond)
	time.Sleep(2 * time.Second)
	require.Equal(t, 200, get(url+"/tenants/acme/ledger"), "who has not noticed is answered until the detection is over")
	select {
	case err := <-exited:
		require.NoError(t, err)
	case <-time.After(15 * time.Second):
		t.Fatal("the drain did not end")
	}
	require.NotContains(t, out.String(), pgtest.Password)
}

func get(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// A failover of the database takes members away for a while, and slow storage is slow, for all servers at once.
func TestNoServerIsTakenOutByWhatAllShare(t *testing.T) {
	graces := map[string]time.Duration{}
	for _, check := range checks(settings.Settings{}, &database.Cluster{}, &files.Store{}) {
		graces[check.Name] = check.Grace
	}
	for _, name := range []string{"database-reader", "database-writer"} {
		require.Greater(t, graces[name], 2*limits.Request, name)
	}
	require.Equal(t, limits.Files, graces["storage"], "drills compute from it how long the loss of a mount target may be felt")
}
