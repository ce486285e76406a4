package vpc

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// hello returns the first bytes of a TLS client that wants a name.
func hello(t testing.TB, name string) []byte {
	t.Helper()
	client, server := net.Pipe()
	go tls.Client(client, &tls.Config{ServerName: name, InsecureSkipVerify: name == ""}).Handshake()
	defer client.Close()
	header := make([]byte, 5)
	_, err := io.ReadFull(server, header)
	require.NoError(t, err)
	body := make([]byte, int(header[3])<<8|int(header[4]))
	_, err = io.ReadFull(server, body)
	require.NoError(t, err)
	return append(header, body...)
}

func TestServerNamesAreFoundInAnyPortionOfTheBeginning(t *testing.T) {
	for _, c := range []struct {
		begin []byte
		name  string
	}{
		{hello(t, "www.example.com"), "www.example.com"},
		{hello(t, ""), ""},
		{[]byte("GET / HTTP/1.1\r\nHost: www.example.com:8080\r\nA: b\r\n\r\n"), "www.example.com"},
		{[]byte("POST /x HTTP/1.0\r\n\r\n"), ""},
	} {
		for n := range c.begin {
			_, known := serverName(c.begin[:n])
			require.Equal(t, nameMore, known, "after %d of %d bytes", n, len(c.begin))
		}
		name, known := serverName(c.begin)
		require.Equal(t, nameFound, known)
		require.Equal(t, c.name, name)
		name, known = serverName(append(bytes.Clone(c.begin), "more"...))
		require.Equal(t, nameFound, known)
		require.Equal(t, c.name, name)
	}
	for _, other := range []string{"SSH-2.0-OpenSSH", "\x00\x01", "get / http/1.1\r\n\r\n", "GET nonsense\r\n\r\n", "\x16\x03\x01\x00\x05nonsense"} {
		_, known := serverName([]byte(other))
		require.Equal(t, nameUnknown, known, "%q", other)
	}
}

func TestDecisions(t *testing.T) {
	inside, outside := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("203.0.113.1:443")
	home := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
	bad := FirewallRule{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "${JNDI:", IgnoreCase: true, Application: "http"}
	pass := FirewallRule{Action: "pass", Protocol: 6, FromPort: 80, ToPort: 443}
	names := FirewallPolicy{HomeNet: home, AllowDomains: []string{".example.com"}, DefaultDrop: true}
	for _, c := range []struct {
		what   string
		policy FirewallPolicy
		begin  string
		whole  bool
		want   verdict
		events []int
	}{
		{"an allowed name", names, string(hello(t, "example.com")), false, verdictPass, nil},
		{"a name that is not allowed", names, string(hello(t, "example.org")), false, verdictDrop, []int{-1}},
		{"half a name", names, string(hello(t, "example.com")[:20]), false, verdictMore, nil},
		{"half a name and no more", names, string(hello(t, "example.com")[:20]), true, verdictDrop, []int{-1}},
		{"no name", names, string(hello(t, "")), false, verdictDrop, []int{-1}},
		{"neither TLS nor HTTP", names, "SSH-2.0", false, verdictDrop, []int{-1}},
		{"neither, by default let through", FirewallPolicy{HomeNet: home, AllowDomains: []string{"a.test"}}, "SSH-2.0", false, verdictPass, nil},
		{"nothing yet", FirewallPolicy{Rules: []FirewallRule{bad, pass}}, "", false, verdictSoFar, nil},
		{"a bad request", FirewallPolicy{Rules: []FirewallRule{bad, pass}}, "GET /${jndi:x HTTP/1.1\r\n", false, verdictDrop, []int{0}},
		{"a good one so far", FirewallPolicy{Rules: []FirewallRule{bad, pass}}, "GET / HTTP/1.1\r\n", false, verdictSoFar, nil},
		{"a good one", FirewallPolicy{Rules: []FirewallRule{bad, pass}}, "GET / HTTP/1.1\r\n\r\n${jndi:", false, verdictPass, nil},
		{"TLS has no HTTP head", FirewallPolicy{Rules: []FirewallRule{bad, pass}}, string(hello(t, "${jndi:")), false, verdictPass, nil},
		{"a pass before", FirewallPolicy{Rules: []FirewallRule{pass, bad}}, "GET /${jndi:x HTTP/1.1\r\n", false, verdictPass, nil},
		{"what may still pass", FirewallPolicy{DefaultDrop: true, Rules: []FirewallRule{{Action: "pass", Protocol: 6, FromPort: -1, Content: "secret"}}}, "sec", false, verdictMore, []int(nil)},
		{"what passes", FirewallPolicy{DefaultDrop: true, Rules: []FirewallRule{{Action: "pass", Protocol: 6, FromPort: -1, Content: "secret"}}}, "secret", false, verdictPass, nil},
		{"what can no longer pass", FirewallPolicy{DefaultDrop: true, Rules: []FirewallRule{{Action: "pass", Protocol: 6, FromPort: -1, Content: "secret"}}}, "sec", true, verdictDrop, []int{-1}},
		{"the site by its protocol", FirewallPolicy{DefaultDrop: true, Rules: []FirewallRule{bad, {Action: "pass", Protocol: 6, FromPort: 443, ToPort: 443, Application: "tls"}}}, "\x16", false, verdictPass, nil},
		{"another protocol", FirewallPolicy{DefaultDrop: true, Rules: []FirewallRule{bad, {Action: "pass", Protocol: 6, FromPort: 443, ToPort: 443, Application: "tls"}}}, "SSH-2.0", false, verdictDrop, []int{-1}},
		{"any HTTP", FirewallPolicy{Rules: []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, Application: "http"}}}, "GET", false, verdictDrop, []int{0}},
		{"any HTTP, but it is TLS", FirewallPolicy{Rules: []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, Application: "http"}}}, "\x16\x03", false, verdictPass, nil},
		{"any TLS", FirewallPolicy{Rules: []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, Application: "tls"}}}, "\x16\x03", false, verdictDrop, []int{0}},
		{"an alert", FirewallPolicy{Rules: []FirewallRule{{Action: "alert", Protocol: -1, Content: "x"}}}, "x", false, verdictPass, []int{0}},
		{"a reject", FirewallPolicy{Rules: []FirewallRule{{Action: "reject", Protocol: -1, Content: "x"}}}, "wxy", false, verdictReject, []int{0}},
		{"a long beginning", FirewallPolicy{Rules: []FirewallRule{{Action: "drop", Protocol: -1, Content: "x"}}}, "www", true, verdictPass, nil},
		{"another port", FirewallPolicy{DefaultDrop: true, Rules: []FirewallRule{{Action: "pass", Protocol: 6, FromPort: 80, ToPort: 80}}}, "x", false, verdictDrop, []int{-1}},
		{"another source", FirewallPolicy{Rules: []FirewallRule{{Action: "drop", Protocol: -1, Source: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}}, "x", false, verdictPass, nil},
	} {
		v, events := c.policy.decide(&connection{source: inside, destination: outside, begin: []byte(c.begin), whole: c.whole})
		require.Equal(t, c.want, v, c.what)
		require.Equal(t, c.events, events, c.what)
	}
}

func FuzzServerName(f *testing.F) {
	f.Add(hello(f, "www.example.com"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Fuzz(func(t *testing.T, begin []byte) {
		name, known := serverName(begin)
		if known != nameFound {
			require.Empty(t, name)
		}
	})
}
