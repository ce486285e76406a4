package world

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// sickFile makes a web server's /health answer 503 while it is there.
const sickFile = "/run/sick"

// WebServer is user data that runs a small web server on the port, as a unit that is restarted when it dies:
//
//	/            the instance's host name
//	/health      200, or 503 while /run/sick is there
//	/peer        the address that the request came from
//	/headers     the request's headers, as JSON
//	/status/N    an answer with that status
//	/slow/MS     an answer after so many milliseconds
//	/bytes/N     N bytes
//	/close       the connection closed without an answer
//	/reset       the connection reset without an answer
//	/garbage     an answer that is no HTTP
func (w *World) WebServer(port int) string {
	return fmt.Sprintf(`#!/bin/sh
set -eu
program=$(readlink -f /usr/sbin/mount.efs) # instances have this very program
cat > /etc/systemd/system/web.service <<UNIT
[Unit]
Description=web server
[Service]
ExecStart=$program web-server 0.0.0.0:%d
Restart=always
RestartSec=0.2
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now web.service
`, port)
}

func encoded(userData string) string { return base64.StdEncoding.EncodeToString([]byte(userData)) }

func serveWeb(address string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(sickFile); err == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/peer", func(w http.ResponseWriter, r *http.Request) {
		peer, _, _ := net.SplitHostPort(r.RemoteAddr) // the server's own words
		fmt.Fprint(w, peer)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(r.Header) })
	mux.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(number(r)) })
	mux.HandleFunc("/slow/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number(r)) * time.Millisecond)
		fmt.Fprint(w, name)
	})
	mux.HandleFunc("/bytes/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.CopyN(w, zeros{}, int64(number(r))) })
	mux.HandleFunc("/close", func(w http.ResponseWriter, _ *http.Request) { broken(w, "", false) })
	mux.HandleFunc("/reset", func(w http.ResponseWriter, _ *http.Request) { broken(w, "", true) })
	mux.HandleFunc("/garbage", func(w http.ResponseWriter, _ *http.Request) { broken(w, "no HTTP at all\r\n\r\n", false) })
	return (&http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func number(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	if err != nil {
		return http.StatusBadRequest
	}
	return n
}

// broken ends a request as a broken server would.
func broken(w http.ResponseWriter, text string, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
