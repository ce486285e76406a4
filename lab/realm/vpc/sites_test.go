package vpc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
)

// site answers every request with the address that called.
var site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintln(w, from)
})

func httpSite(t *testing.T, ns *host.Namespace, address string) {
	t.Helper()
	l, err := ns.Listen(t.Context(), "tcp4", address)
	require.NoError(t, err)
	serveSite(t, l)
}

func serveTLS(t *testing.T, l net.Listener) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	serveSite(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
}

func serveSite(t *testing.T, l net.Listener) {
	server := &http.Server{Handler: site, ErrorLog: log.New(io.Discard, "", 0)}
	t.Cleanup(func() { server.Close() })
	go server.Serve(l)
}
