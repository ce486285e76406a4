package balancer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
)

// BenchmarkNode compares a balancer's node, with its namespaces and links, its rules, headers and the log of each
// request, with a bare HAProxy on the loopback of one namespace: the same client, server and moments. The metric
// "ratio" is the node's throughput as a part of the bare one's.
func BenchmarkNode(b *testing.B) {
	w := newBenchWorld(b)
	var node, bare int64
	b.ResetTimer()
	for range b.N { // in turns, so that a busy moment hits both
		bare += throughput(b, w.client.DialContext, w.bare)
		node += throughput(b, w.client.DialContext, nodeAddress+":80")
	}
	b.ReportMetric(float64(bare)/float64(b.N)/benchRound.Seconds(), "bare-req/s")
	b.ReportMetric(float64(node)/float64(b.N)/benchRound.Seconds(), "node-req/s")
	b.ReportMetric(float64(node)/float64(bare), "ratio")
}

const (
	benchRound   = 2 * time.Second
	benchClients = 16
)

type benchWorld struct {
	*world
	bare string // the bare HAProxy's address, in the client's namespace
}

func newBenchWorld(b *testing.B) *benchWorld {
	w := &benchWorld{world: newWorld(b), bare: "127.0.0.1:8081"}
	w.serve("one", "10.0.0.1", answering("one"))
	w.spec.Settings.Log = false
	w.apply()
	w.healthy("one")
	w.run(w.client, "ip link set lo up")
	listener, err := w.client.Listen(context.Background(), "tcp", "127.0.0.1:8080")
	require.NoError(b, err)
	server := &http.Server{Handler: answering("one")}
	go server.Serve(listener)
	b.Cleanup(func() { server.Close() })
	startBare(b, w.client, b.TempDir(), w.bare)
	return w
}

// startBare runs a HAProxy that only passes requests on.
func startBare(b *testing.B, namespace *host.Namespace, dir, address string) {
	text := fmt.Sprintf("global\n  maxconn %d\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\nlisten bare\n  bind %s\n  server one 127.0.0.1:8080\n", maxConnections, address)
	require.NoError(b, os.WriteFile(filepath.Join(dir, configFile), []byte(text), 0o600))
	process, err := host.StartProcess(host.ProcessSpec{Name: "bare HAProxy", Namespace: namespace, Output: io.Discard, Command: func() *exec.Cmd {
		cmd := exec.Command("haproxy", "-f", configFile)
		cmd.Dir = dir
		return cmd
	}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, process.Stop(context.Background(), 9)) })
	require.Eventually(b, func() bool {
		conn, err := namespace.DialContext(context.Background(), "tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}

// throughput counts the requests that are answered in one round.
func throughput(b *testing.B, dial func(ctx context.Context, network, address string) (net.Conn, error), address string) int64 {
	var done, failed atomic.Int64
	var clients sync.WaitGroup
	until := time.Now().Add(benchRound)
	transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: benchClients}
	defer transport.CloseIdleConnections()
	for range benchClients {
		clients.Go(func() {
			client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
			for time.Now().Before(until) {
				response, err := client.Get("http://" + address + "/")
				if err != nil || response.StatusCode != 200 {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				done.Add(1)
			}
		})
	}
	clients.Wait()
	require.Zero(b, failed.Load())
	return done.Load()
}
