package world

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Load is how a web client asks: so many at once, each over a connection that it keeps, for so long.
type Load struct {
	Address string // host:port
	Clients int
	Lasts   time.Duration
}

// arguments are those of askWeb.
func (l Load) arguments() []string {
	return []string{"web-client", l.Address, strconv.Itoa(l.Clients), l.Lasts.String()}
}

// Here returns how many requests were answered to a client in the test's own namespaces.
func (l Load) Here(t testing.TB, program string) int {
	t.Helper()
	return l.run(t, program, l.arguments()...)
}

// Outside returns how many requests were answered to a client in the lab's internet.
func (l Load) Outside(t testing.TB, w *World, program string) int {
	t.Helper()
	internet := fmt.Sprintf("/proc/%d/root/run/netns/internet", w.PID())
	return l.run(t, "nsenter", append([]string{"--net=" + internet, program}, l.arguments()...)...)
}

func (l Load) run(t testing.TB, name string, arguments ...string) int {
	t.Helper()
	output, err := exec.Command(name, arguments...).CombinedOutput()
	require.NoError(t, err, string(output))
	count, err := strconv.Atoi(strings.TrimSpace(string(output)))
	require.NoError(t, err)
	require.Positive(t, count)
	return count
}

// askWeb asks as the arguments say and prints how many requests were answered. One that is not ends it.
func askWeb(arguments []string) error {
	clients, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	lasts, err := time.ParseDuration(arguments[2])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: clients}}
	var count atomic.Int64
	var all sync.WaitGroup
	until := time.Now().Add(lasts)
	for range clients {
		all.Go(func() {
			for time.Now().Before(until) && ctx.Err() == nil {
				if err := askOnce(client, arguments[0]); err != nil {
					cancel(err)
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	fmt.Println(count.Load())
	return context.Cause(ctx)
}

func askOnce(client *http.Client, address string) error {
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}
