package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/app/internal/health"
	"haven/app/internal/server"
)

// serve serves a handler that answers /slow when told to, and returns how to begin the drain and how it ended.
func serve(t *testing.T, leave server.Leave, release chan struct{}) (url string, begin func(), ended chan error, judge *health.Judge) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	judge = health.NewJudge()
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		io.WriteString(w, "done")
	})
	go func() {
		ended <- server.Serve(ctx, listener, handler, judge, leave, slog.New(slog.NewTextHandler(io.Discard, nil)))
	}()
	return "http://" + listener.Addr().String(), cancel, ended, judge
}

func TestADrainFinishesWhatIsInFlight(t *testing.T) {
	release := make(chan struct{})
	url, begin, ended, judge := serve(t, server.Leave{Detection: time.Second, Drain: time.Second}, release)
	answer := make(chan string, 1)
	go func() {
		response, err := http.Get(url + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		answer <- string(text)
	}()
	time.Sleep(100 * time.Millisecond)
	begin()
	require.Eventually(t, judge.Draining, time.Second, time.Millisecond)
	response, err := http.Get(url + "/quick")
	require.NoError(t, err, "balancers that have not noticed yet are still answered")
	response.Body.Close()
	time.AfterFunc(1200*time.Millisecond, func() { close(release) })
	require.Equal(t, "done", <-answer)
	require.NoError(t, <-ended)
}

func TestADrainEndsInTimeAndSaysWhatItCutOff(t *testing.T) {
	url, begin, ended, _ := serve(t, server.Leave{Detection: 200 * time.Millisecond, Drain: 200 * time.Millisecond}, make(chan struct{}))
	go http.Get(url + "/slow")
	time.Sleep(100 * time.Millisecond)
	begin()
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "cut off")
	case <-time.After(10 * time.Second):
		t.Fatal("the drain did not end")
	}
}

// Who does not look at readiness, or has not yet, must not notice before the detection is over.
func TestRequestsAreTakenUntilBalancersMustHaveNoticed(t *testing.T) {
	const detection = time.Second
	url, begin, ended, judge := serve(t, server.Leave{Detection: detection, Drain: time.Minute}, nil)
	begin()
	told := time.Now()
	require.Eventually(t, judge.Draining, detection/2, time.Millisecond, "readiness fails at once")
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // each request is a new connection
	asked := 0
	for ; time.Since(told) < detection-100*time.Millisecond; asked++ {
		response, err := fresh.Get(url + "/quick")
		require.NoError(t, err, "%s after it was told to go", time.Since(told))
		response.Body.Close()
		time.Sleep(10 * time.Millisecond)
	}
	require.Greater(t, asked, 10)
	require.NoError(t, <-ended)
	require.Less(t, time.Since(told), detection+5*time.Second, "nothing is in flight: it does not wait for the drain's end")
	_, err := fresh.Get(url + "/quick")
	require.Error(t, err)
}
