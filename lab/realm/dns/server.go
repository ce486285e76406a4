package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Namespace is where a server listens.
type Namespace interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
}

// Server answers one asker over UDP and TCP.
type Server struct{ servers []*dns.Server }

// Listen starts a server at the addresses inside the namespace.
func Listen(ctx context.Context, ns Namespace, addresses []netip.AddrPort, table *Table, asker Asker) (*Server, error) {
	s := &Server{}
	for _, address := range addresses {
		packets, err := ns.ListenPacket(ctx, "udp4", address.String())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listening on udp %s: %w", address, err), s.Close())
		}
		s.start(&dns.Server{PacketConn: packets}, table, asker)
		streams, err := ns.Listen(ctx, "tcp4", address.String())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listening on tcp %s: %w", address, err), s.Close())
		}
		s.start(&dns.Server{Listener: streams}, table, asker)
	}
	return s, nil
}

func (s *Server) start(server *dns.Server, table *Table, asker Asker) {
	server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		response := table.respond(asker, query)
		if w.RemoteAddr().Network() == "udp" {
			response.Truncate(udpSize(query))
		}
		_ = w.WriteMsg(response) // the asker is gone, or asks again
	})
	ready := make(chan struct{})
	server.NotifyStartedFunc = func() { close(ready) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ActivateAndServe() // it ends with Close
	}()
	select {
	case <-ready:
	case <-done:
	}
	s.servers = append(s.servers, server)
}

// Close stops the server; queries that are being answered have a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.ShutdownContext(ctx))
	}
	return errors.Join(errs...)
}

func udpSize(query *dns.Msg) int {
	if opt := query.IsEdns0(); opt != nil && opt.UDPSize() > dns.MinMsgSize {
		return int(opt.UDPSize())
	}
	return dns.MinMsgSize
}

// respond answers a query with one question of class IN.
func (t *Table) respond(asker Asker, query *dns.Msg) *dns.Msg {
	response := new(dns.Msg).SetReply(query)
	response.RecursionAvailable, response.Compress = true, true
	if opt := query.IsEdns0(); opt != nil {
		response.SetEdns0(4096, false)
	}
	if query.Opcode != dns.OpcodeQuery {
		response.Rcode = dns.RcodeNotImplemented
		return response
	}
	if len(query.Question) != 1 || query.Question[0].Qclass != dns.ClassINET {
		response.Rcode = dns.RcodeRefused
		return response
	}
	question := query.Question[0]
	a := t.resolve(asker, canonical(question.Name), dns.TypeToString[question.Qtype])
	for _, v := range a.records {
		rr, err := v.rr()
		if err != nil { // a service gave a record that is none
			response.Rcode = dns.RcodeServerFailure
			return response
		}
		response.Answer = append(response.Answer, rr)
	}
	switch {
	case a.loopedAt != "":
		response.Rcode = dns.RcodeServerFailure
	case !a.exists:
		response.Rcode = dns.RcodeNameError
		response.Ns = []dns.RR{a.soa()}
	case len(a.records) == 0 || a.records[len(a.records)-1].typ == TypeCNAME && question.Qtype != dns.TypeCNAME:
		response.Ns = []dns.RR{a.soa()}
	}
	return response
}

func (v value) rr() (dns.RR, error) {
	header := dns.RR_Header{Name: dns.Fqdn(v.name), Class: dns.ClassINET, Ttl: uint32(max(v.ttl, 0))}
	if v.typ == TypeTXT {
		header.Rrtype = dns.TypeTXT
		return &dns.TXT{Hdr: header, Txt: chunks(v.data)}, nil
	}
	data := v.data
	switch v.typ {
	case TypeCNAME, TypePTR, TypeNS, TypeMX, TypeSRV:
		data = dns.Fqdn(data)
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(v.name), header.Ttl, v.typ, data))
	if err == nil && rr == nil {
		err = errors.New("empty")
	}
	return rr, err
}

// chunks splits a string into what fits in one string of a TXT record, with backslashes as the library wants them.
func chunks(s string) []string {
	escape := func(part string) string { return strings.ReplaceAll(part, `\`, `\\`) }
	var parts []string
	for len(s) > 255 {
		parts, s = append(parts, escape(s[:255])), s[255:]
	}
	return append(parts, escape(s))
}

// negativeTTL is how many seconds resolvers may remember that a name is not there, where no hosted zone tells.
const negativeTTL = 60

// soa is the authority of a negative answer.
func (a answer) soa() dns.RR {
	zone := "."
	if a.hasApex {
		zone = dns.Fqdn(a.apex.Name)
		if len(a.apex.Values) == 1 {
			fields := strings.Fields(a.apex.Values[0])
			if rr, err := dns.NewRR(fmt.Sprintf("%s %d IN SOA %s", zone, a.apex.TTL, strings.Join(fields, " "))); err == nil && rr != nil {
				soa := rr.(*dns.SOA)
				soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
				return soa
			}
		}
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:  "ns.amazonaws.com.", Mbox: "awsdns-hostmaster.amazon.com.",
		Serial: 1, Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: negativeTTL,
	}
}
