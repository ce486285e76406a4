package conformance_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

const (
	pathRound   = 3 * time.Second
	pathClients = 64
)

// BenchmarkPath compares the whole path of a request (a client in the internet, firewall, balancer's node, server) with HAProxy alone
// on loopback before the same program.
func BenchmarkPath(b *testing.B) {
	w := world.OpenAlone(b)
	g := newGuarded(b, w, "a", "b")
	g.Subnets = g.app
	server := g.Launch(b, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	balancer := g.Balancer(b)
	balancer.Register(b, server)
	balancer.AwaitHealth(b, server, elbtypes.TargetHealthStateEnumHealthy)
	bare, program := bareHAProxy(b)
	alone := world.Load{Address: bare, Clients: pathClients, Lasts: pathRound}
	whole := world.Load{Address: nodeOf(b, balancer, "a").Public + ":80", Clients: pathClients, Lasts: pathRound}
	var aloneCount, wholeCount int
	b.ResetTimer()
	for range b.N { // in turns, so that a busy moment hits both
		aloneCount += alone.Here(b, program)
		wholeCount += whole.Outside(b, w, program)
	}
	rate := func(count int) float64 { return float64(count) / float64(b.N) / pathRound.Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(aloneCount), "alone-req/s")
	b.ReportMetric(rate(wholeCount), "path-req/s")
	b.ReportMetric(float64(wholeCount)/float64(aloneCount), "ratio")
}

// bareHAProxy runs a HAProxy that only passes requests on to the web server that instances have. It returns its address and the
// program that server and clients are.
func bareHAProxy(b *testing.B) (address, program string) {
	const listens, serves = "127.0.0.1:18081", "127.0.0.1:18080"
	program, err := os.Executable()
	require.NoError(b, err)
	config := filepath.Join(b.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf("defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\nlisten bare\n  bind %s\n  server one %s\n", listens, serves)
	require.NoError(b, os.WriteFile(config, []byte(text), 0o600))
	for _, command := range [][]string{{program, "web-server", serves}, {"haproxy", "-f", config}} {
		cmd := exec.Command(command[0], command[1:]...)
		b.Cleanup(func() {
			if cmd.Process != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait() // it was killed
			}
		})
		require.NoError(b, cmd.Start())
	}
	world.Wait(b, "HAProxy alone to serve", faultLimit, func() error {
		response, err := http.Get("http://" + listens + "/health")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", response.Status)
		}
		return nil
	})
	return listens, program
}
