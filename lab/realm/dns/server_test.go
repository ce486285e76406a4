package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// here listens in the test's own namespace, on loopback.
type here struct{}

func (here) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, network, address)
}

func (here) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return (&net.ListenConfig{}).ListenPacket(ctx, network, address)
}

// serve returns where a server of the table listens.
func serve(t testing.TB, table *Table, asker Asker) string {
	t.Helper()
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().(*net.TCPAddr).AddrPort()
	require.NoError(t, free.Close())
	server, err := Listen(t.Context(), here{}, []netip.AddrPort{address}, table, asker)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return address.String()
}

func ask(t *testing.T, network, server, name string, typ uint16) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network}
	response, _, err := client.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), typ), server)
	require.NoError(t, err)
	return response
}

func TestAServerAnswersOverBothTransports(t *testing.T) {
	table := tableOf(
		Record{Name: "web.example.com", Type: TypeA, TTL: 60, Values: []string{"198.18.0.1"}},
		Record{Name: "example.com", Type: TypeSOA, TTL: 900, Values: []string{"ns-1.awsdns.com. hostmaster.example.com. 1 7200 900 1209600 300"}},
		Record{Name: "_pg._tcp.example.com", Type: TypeSRV, TTL: 5, Values: []string{"1 10 5432 db.example.com"}},
		Record{Name: "text.example.com", Type: TypeTXT, TTL: 5, Values: []string{`say "hi"; \1 ` + strings.Repeat("x", 300)}},
		Record{Name: "1.0.18.198.in-addr.arpa", Type: TypePTR, TTL: 5, Values: []string{"web.example.com"}},
		Record{Name: "bad.example.com", Type: TypeA, Values: []string{"not an address"}},
	)
	server := serve(t, table, outside)
	for _, network := range []string{"udp", "tcp"} {
		response := ask(t, network, server, "WEB.example.com", dns.TypeA)
		require.Equal(t, dns.RcodeSuccess, response.Rcode)
		require.Len(t, response.Answer, 1)
		require.Equal(t, "198.18.0.1", response.Answer[0].(*dns.A).A.String())
		require.EqualValues(t, 60, response.Answer[0].Header().Ttl)
	}
	none := ask(t, "udp", server, "web.example.com", dns.TypeAAAA)
	require.Equal(t, dns.RcodeSuccess, none.Rcode)
	require.Empty(t, none.Answer)
	require.EqualValues(t, 300, none.Ns[0].(*dns.SOA).Hdr.Ttl, "the negative answer lives as long as the zone says")
	gone := ask(t, "udp", server, "nobody.example.com", dns.TypeA)
	require.Equal(t, dns.RcodeNameError, gone.Rcode)
	require.Equal(t, "example.com.", gone.Ns[0].Header().Name)
	require.Equal(t, dns.RcodeNameError, ask(t, "udp", server, "google.test", dns.TypeA).Rcode)

	require.Equal(t, "db.example.com.", ask(t, "udp", server, "_pg._tcp.example.com", dns.TypeSRV).Answer[0].(*dns.SRV).Target)
	text := ask(t, "udp", server, "text.example.com", dns.TypeTXT).Answer[0].(*dns.TXT)
	require.Equal(t, `say \"hi\"; \\1 `+strings.Repeat("x", 300), strings.Join(text.Txt, ""))
	require.Equal(t, "web.example.com.", ask(t, "udp", server, "1.0.18.198.in-addr.arpa", dns.TypePTR).Answer[0].(*dns.PTR).Ptr)
	require.Equal(t, dns.RcodeServerFailure, ask(t, "udp", server, "bad.example.com", dns.TypeA).Rcode)
	require.NotEmpty(t, ask(t, "udp", server, "example.com", dns.TypeSOA).Answer)

	table.Replace([]Record{{Name: "web.example.com", Type: TypeA, TTL: 60, Values: []string{"198.18.0.2"}}})
	require.Equal(t, "198.18.0.2", ask(t, "udp", server, "web.example.com", dns.TypeA).Answer[0].(*dns.A).A.String())
}

func TestALongAnswerIsTruncatedOverUDP(t *testing.T) {
	var values []string
	for n := range 100 {
		values = append(values, fmt.Sprintf("a value of the record, number %d", n))
	}
	server := serve(t, tableOf(Record{Name: "long.example.com", Type: TypeTXT, TTL: 5, Values: values}), outside)
	require.True(t, ask(t, "udp", server, "long.example.com", dns.TypeTXT).Truncated)
	require.Len(t, ask(t, "tcp", server, "long.example.com", dns.TypeTXT).Answer, 100)
}

func TestUnusualQueriesAreRefused(t *testing.T) {
	table := tableOf()
	update := new(dns.Msg).SetUpdate("example.com.")
	require.Equal(t, dns.RcodeNotImplemented, table.respond(outside, update).Rcode)
	chaos := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	require.Equal(t, dns.RcodeRefused, table.respond(outside, chaos).Rcode)
	require.Equal(t, dns.RcodeRefused, table.respond(outside, new(dns.Msg)).Rcode)
	require.Equal(t, dns.RcodeNameError, table.respond(outside, new(dns.Msg).SetQuestion(".", dns.TypeA)).Rcode)
}

func FuzzRespond(f *testing.F) {
	query, err := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA).Pack()
	require.NoError(f, err)
	f.Add(query)
	table := tableOf(Record{Name: "*.example.com", Type: TypeA, TTL: 1, Values: []string{"198.18.0.1"}})
	f.Fuzz(func(t *testing.T, data []byte) {
		query := new(dns.Msg)
		if query.Unpack(data) != nil {
			return
		}
		response := table.respond(inA, query)
		require.Equal(t, query.Id, response.Id)
		_, err := response.Pack()
		require.NoError(t, err)
	})
}

func BenchmarkQuery(b *testing.B) {
	var records []Record
	for n := range 1000 {
		records = append(records, Record{Name: fmt.Sprintf("ip-10-0-0-%d.ec2.internal", n), VPC: "vpc-1", Type: TypeA, TTL: 60, Values: []string{"10.0.0.1"}})
	}
	server := serve(b, tableOf(records...), inA)
	client := dns.Client{}
	conn, err := client.Dial(server)
	require.NoError(b, err)
	defer conn.Close()
	for b.Loop() {
		_, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("ip-10-0-0-7.ec2.internal.", dns.TypeA), conn)
		require.NoError(b, err)
	}
}
