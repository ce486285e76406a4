package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/authority"
)

func TestIssuedCertificatesVerifyForTheirNamesOnly(t *testing.T) {
	a, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	certPEM, keyPEM, err := a.Issue([]string{"www.haven.test", "*.db.test"}, []netip.Addr{netip.MustParseAddr("127.0.0.9")})
	require.NoError(t, err)
	_, err = tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	block, _ := pem.Decode(certPEM)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	for name, good := range map[string]bool{"www.haven.test": true, "one.db.test": true, "127.0.0.9": true, "haven.test": false, "127.0.0.8": false} {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Pool()})
		require.Equal(t, good, err == nil, "%s: %v", name, err)
	}
	other, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: "www.haven.test", Roots: other.Pool()})
	require.Error(t, err, "another authority must not vouch for it")
}

func TestTheAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := authority.Open(dir)
	require.NoError(t, err)
	again, err := authority.Open(dir)
	require.NoError(t, err)
	require.Equal(t, first.CertificatePEM(), again.CertificatePEM())
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("garbage"), 0o644))
	_, err = authority.Open(dir)
	require.ErrorContains(t, err, "haven lab reset")
}

func TestServersPresentWhatTheClientAsksFor(t *testing.T) {
	a, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", a.TLSConfig())
	require.NoError(t, err)
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(listener)
	defer server.Close()
	for _, name := range []string{"s3.us-east-1.amazonaws.com", ""} {
		conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: a.Pool(), ServerName: orHost(name, listener)})
		require.NoError(t, err, "asked for %q", name)
		conn.Close()
	}
}

func orHost(name string, l net.Listener) string {
	if name != "" {
		return name
	}
	host, _, _ := net.SplitHostPort(l.Addr().String())
	return host
}

func TestIssuingForNobodyIsAnError(t *testing.T) {
	a, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	_, _, err = a.Issue(nil, nil)
	require.ErrorContains(t, err, "no name")
}
