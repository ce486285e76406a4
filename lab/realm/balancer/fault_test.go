package balancer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHungNodeHoldsItsRequestsAndGoesOn(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	w.apply()
	w.healthy("one")
	w.spec.Hung = true
	for range 2 { // again and again
		w.apply()
	}
	w.eventually("it is told", func() bool { o := w.manager.Observe()[0]; return !o.Running && o.Reason == reasonHung })
	client := w.http()
	client.Timeout = time.Second
	_, err := w.get(client, site+"/")
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "connections are taken and nothing answers: %v", err)
	w.spec.Hung = false
	w.apply()
	w.eventually("it serves again", func() bool {
		got, err := w.get(client, site+"/")
		return err == nil && got.body == "one"
	})
	w.eventually("and says so", func() bool { return w.manager.Observe()[0].Running })
}

func TestALostNodeIsSilentAndComesBack(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	w.apply()
	w.healthy("one")
	w.spec.Lost = true
	for range 2 {
		w.apply()
	}
	require.Equal(t, reasonLost, w.manager.Observe()[0].Reason)
	client := w.http()
	client.Timeout = time.Second
	_, err := w.get(client, site+"/")
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "not even a reset comes: %v", err)
	w.spec.Lost = false
	w.apply()
	w.healthy("one")
	require.Equal(t, "one", w.must(site+"/").body)
}

func TestShiftedTargetsGetRequestsOnlyWhenTheNodeFailsOpen(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	kill := w.serve("two", "10.0.0.2", answering("two"))
	w.apply()
	w.healthy("one", "two")
	w.spec.Groups[0].Targets[0].Shifted = true
	w.apply()
	w.eventually("it is led away from", func() bool { return w.inService(map[string]bool{"g_aa/one": false}) })
	require.Equal(t, VerdictHealthy, w.verdict("one").Verdict)
	for range 6 {
		require.Equal(t, "two", w.must(site+"/").body)
	}
	kill()
	w.eventually("nothing else is healthy", func() bool { return w.inService(map[string]bool{"g_aa/two": false}) })
	w.eventually("the shift has no effect", func() bool { got, err := w.get(w.http(), site+"/"); return err == nil && got.body == "one" })
}

func TestSilentConnectionsLeaveRoomForOthers(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	abuser := w.attach("abuser", "10.0.0.98")
	w.spec.Settings.IdleTimeout = 3 * time.Second
	w.apply()
	w.healthy("one")
	var open []net.Conn
	t.Cleanup(func() {
		for _, conn := range open {
			conn.Close()
		}
	})
	for range 300 { // half a header each, and then nothing
		conn, err := abuser.DialContext(context.Background(), "tcp", nodeAddress+":80")
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Half:")
		require.NoError(t, err)
		open = append(open, conn)
	}
	for range 20 {
		require.Equal(t, "one", w.must(site+"/").body)
	}
	require.NoError(t, open[0].SetReadDeadline(time.Now().Add(15*time.Second)))
	response, err := http.ReadResponse(bufio.NewReader(open[0]), nil)
	require.NoError(t, err)
	require.Equal(t, 408, response.StatusCode, "it is given up after the idle timeout")
}

func TestEveryRequestOfABurstIsTold(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	w.spec.Settings.Log = false
	w.apply()
	w.healthy("one")
	const clients, each = 8, 100
	var group sync.WaitGroup
	for range clients {
		client := w.http()
		client.Transport.(*http.Transport).DisableKeepAlives = false
		group.Go(func() {
			for range each {
				_, _ = w.get(client, site+"/")
			}
		})
	}
	group.Wait()
	w.eventually("all are told", func() bool { w.entries.Lock(); defer w.entries.Unlock(); return len(w.seen) == clients*each })
	w.entries.Lock()
	defer w.entries.Unlock()
	for _, entry := range w.seen {
		require.Equal(t, "200", entry.Answered)
		require.Equal(t, "aa", entry.Group)
		require.GreaterOrEqual(t, entry.Waited, time.Duration(0), fmt.Sprintf("%+v", entry))
		require.Less(t, entry.Waited, 10*time.Second)
	}
}

func TestUpgradedConnectionsPassBytesBothWays(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			return
		}
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(conn, "echo "+line)
	})
	w.apply()
	w.healthy("one")
	conn, err := w.client.DialContext(context.Background(), "tcp", nodeAddress+":80")
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, 101, response.StatusCode)
	_, err = io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "echo hello\n", line)
	conn.Close()
	w.eventually("the connection is told of when it has ended", func() bool {
		w.entries.Lock()
		defer w.entries.Unlock()
		for _, entry := range w.seen {
			if entry.Kind() == "ws" && entry.Path == "/chat" {
				return true
			}
		}
		return false
	})
}

func TestAClientThatLeavesIsA460AndOldConnectionsEnd(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-r.Context().Done():
			case <-time.After(4 * time.Second):
			}
		}
	})
	w.spec.Settings.ConnectionLife = 2 * time.Second
	w.apply()
	w.healthy("one")
	hasty := w.http()
	hasty.Timeout = 500 * time.Millisecond
	_, err := w.get(hasty, site+"/slow")
	require.Error(t, err)
	w.eventually("it is noted", func() bool {
		w.entries.Lock()
		defer w.entries.Unlock()
		for _, entry := range w.seen {
			if entry.Status == statusClientLeft && entry.Path == "/slow" {
				return true
			}
		}
		return false
	})
	conn, err := w.client.DialContext(context.Background(), "tcp", nodeAddress+":80")
	require.NoError(t, err)
	defer conn.Close()
	reader := bufio.NewReader(conn)
	closes := func() bool {
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		return response.Close
	}
	require.False(t, closes())
	time.Sleep(2200 * time.Millisecond)
	require.True(t, closes(), "the connection is older than client_keep_alive")
}
