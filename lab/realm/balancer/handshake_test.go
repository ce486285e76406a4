package balancer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/authority"
)

// versions are those of TLS as policies and Go call them.
var versions = map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// TestHandshakesKeepToThePolicy shakes hands under every policy with each version, and under TLS 1.2 with each kind of cipher.
func TestHandshakesKeepToThePolicy(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	certificate, key, err := ca.Issue([]string{"www.example.com"}, nil)
	require.NoError(t, err)
	port := func(i int) int { return 9000 + i }
	for i, policy := range Policies() {
		w.spec.Listeners = append(w.spec.Listeners, Listener{
			Port: port(i), TLS: &TLS{policy.Name, []Certificate{{PEM: append(slices.Clone(certificate), key...)}}},
			Rules: []Rule{{Action: Action{Fixed: &FixedResponse{Status: 200, ContentType: "text/plain"}}}},
		})
	}
	w.apply()
	w.healthy("one")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca.CertificatePEM()))
	shake := func(i int, version uint16, ciphers ...uint16) (tls.ConnectionState, error) {
		raw, err := w.client.DialContext(context.Background(), "tcp", fmt.Sprintf("%s:%d", strings.Split(nodeAddress, ":")[0], port(i)))
		require.NoError(t, err)
		defer raw.Close()
		connection := tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: "www.example.com", MinVersion: version, MaxVersion: version, CipherSuites: ciphers})
		err = connection.Handshake()
		return connection.ConnectionState(), err
	}
	kinds := map[uint16]string{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
	}
	for i, policy := range Policies() {
		t.Run(policy.Name, func(t *testing.T) {
			for name, version := range versions {
				state, err := shake(i, version)
				if slices.Contains(policy.Protocols, name) {
					require.NoError(t, err, name)
					require.Equal(t, version, state.Version)
				} else {
					require.Error(t, err, name)
				}
			}
			for suite, name := range kinds {
				_, err := shake(i, tls.VersionTLS12, suite)
				wanted := slices.Contains(policy.Protocols, "TLSv1.2") && slices.Contains(policy.Ciphers, name)
				require.Equal(t, wanted, err == nil, "%s: %v", name, err)
			}
		})
	}
}
