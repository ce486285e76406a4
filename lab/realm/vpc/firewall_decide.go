package vpc

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// verdict is what a firewall does with a connection that it looks into.
type verdict int

const (
	verdictMore   verdict = iota // more bytes are needed
	verdictPass                  // whatever follows
	verdictSoFar                 // what came; a rule's content may still follow
	verdictDrop                  // silently
	verdictReject                // with a reset
)

// connection is what is known of a connection that is looked into.
type connection struct {
	source, destination netip.AddrPort
	begin               []byte // what the client sent so far
	whole               bool   // no more of the beginning will be looked at
}

// inspected is how many bytes of a connection's beginning are searched for contents and names.
const inspected = 16 << 10

// decide applies the policy to a connection. Events are the indexes of the rules that alert, and of the one that
// decided to drop; -1 stands for the list of domains and the default.
func (p *FirewallPolicy) decide(c *connection) (verdict, []int) {
	var events []int
	var open openRules
	for n, r := range p.Rules {
		if !r.matchesTuple(c) {
			continue
		}
		if found, may := r.search(c.begin); !found {
			open.note(r, may && !c.whole)
			continue
		}
		switch r.Action {
		case "alert":
			events = append(events, n)
		case "pass":
			return open.settle(verdictPass), events
		case "reject":
			return open.settle(verdictReject), append(events, n)
		default:
			return open.settle(verdictDrop), append(events, n)
		}
	}
	v := open.settle(p.decideName(c))
	if v == verdictDrop {
		events = append(events, -1)
	}
	return v, events
}

// openRules are the earlier rules that what is yet to come may match: they go before the rule that matches now.
type openRules struct{ pass, other bool }

func (o *openRules) note(r FirewallRule, open bool) {
	if r.Action == "pass" {
		o.pass = o.pass || open
	} else {
		o.other = o.other || open
	}
}

// settle weighs a verdict against the rules that are open.
func (o *openRules) settle(v verdict) verdict {
	switch {
	case v == verdictPass && o.other:
		return verdictSoFar
	case (v == verdictDrop || v == verdictReject) && o.pass:
		return verdictMore
	}
	return v
}

// search tells whether the client speaks the rule's protocol and has sent its content; open, that it still could.
func (r FirewallRule) search(begin []byte) (found, open bool) {
	if !r.inspects() {
		return true, false
	}
	open = true
	switch {
	case len(begin) == 0:
		return false, true
	case r.Application == "tls" && begin[0] != tlsHandshake, r.Application == "http" && !beginsAsHTTP(begin):
		return false, false
	case r.Application == "http":
		if head, _, ended := bytes.Cut(begin, []byte("\r\n\r\n")); ended {
			begin, open = head, false
		}
	}
	content := []byte(r.Content)
	if r.IgnoreCase {
		begin, content = bytes.ToLower(begin), bytes.ToLower(content)
	}
	return bytes.Contains(begin, content), open
}

// tlsHandshake is the first byte of a TLS record that carries a handshake.
const tlsHandshake = 0x16

func (r FirewallRule) matchesTuple(c *connection) bool {
	port := int(c.destination.Port())
	return (r.Protocol == 6 || r.Protocol == -1) &&
		(r.FromPort < 0 || r.Protocol == -1 || r.FromPort <= port && port <= r.ToPort) &&
		covers(r.Source, c.source.Addr()) && covers(r.Destination, c.destination.Addr())
}

// covers tells whether an address is in one of the prefixes; none: any address is.
func covers(prefixes []netip.Prefix, a netip.Addr) bool {
	return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// decideName applies the list of domains, and the default where it does not apply.
func (p *FirewallPolicy) decideName(c *connection) verdict {
	port := c.destination.Port()
	home := covers(p.HomeNet, c.source.Addr())
	fallback := verdictPass
	if p.DefaultDrop {
		fallback = verdictDrop
	}
	if len(p.AllowDomains) == 0 || !home || covers(p.HomeNet, c.destination.Addr()) || (port != 80 && port != 443) {
		return fallback
	}
	name, known := serverName(c.begin)
	switch {
	case known == nameUnknown:
		return fallback // neither TLS nor HTTP
	case known == nameMore && !c.whole:
		return verdictMore
	case known == nameFound && p.allows(name):
		return verdictPass
	}
	return verdictDrop
}

// allows tells whether a name is on the list: ".example.com" stands for example.com and all names below
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateful-rule-groups-domain-names.html).
func (p *FirewallPolicy) allows(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return slices.ContainsFunc(p.AllowDomains, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		below, wildcard := strings.CutPrefix(allowed, ".")
		return name == below || wildcard && strings.HasSuffix(name, allowed)
	})
}

// knowledge is how a search for the server's name ended.
type knowledge int

const (
	nameMore    knowledge = iota // more bytes may tell
	nameFound                    // it is TLS or HTTP; the name may be empty
	nameUnknown                  // it is neither TLS nor HTTP
)

// serverName finds the name in a TLS client hello (SNI) or in an HTTP request (Host).
func serverName(begin []byte) (string, knowledge) {
	switch {
	case len(begin) == 0:
		return "", nameMore
	case begin[0] == tlsHandshake:
		return tlsName(begin)
	}
	return httpName(begin)
}

func tlsName(begin []byte) (string, knowledge) {
	var name string
	seen := errors.New("seen")
	server := tls.Server(&helloConn{Reader: bytes.NewReader(begin)}, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name = hello.ServerName
			return nil, seen
		},
	})
	err := server.Handshake()
	switch {
	case errors.Is(err, seen):
		return name, nameFound
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "", nameMore
	}
	return "", nameUnknown
}

func httpName(begin []byte) (string, knowledge) {
	switch {
	case !beginsAsHTTP(begin):
		return "", nameUnknown
	case !bytes.Contains(begin, []byte("\r\n\r\n")):
		return "", nameMore
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(begin)))
	if err != nil {
		return "", nameUnknown
	}
	host, _, err := net.SplitHostPort(request.Host)
	if err != nil {
		host = request.Host // without a port
	}
	return host, nameFound
}

// beginsAsHTTP tells whether the bytes may be the beginning of a request: a method in capitals.
func beginsAsHTTP(begin []byte) bool {
	const longestMethod = 20
	method, _, _ := bytes.Cut(begin, []byte(" "))
	lower := bytes.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' })
	return !lower && len(method) > 0 && len(method) <= longestMethod
}

// helloConn lets a TLS server read a recorded beginning; what it answers goes nowhere.
type helloConn struct{ io.Reader }

func (*helloConn) Write(b []byte) (int, error)      { return len(b), nil }
func (*helloConn) Close() error                     { return nil }
func (*helloConn) LocalAddr() net.Addr              { return nil }
func (*helloConn) RemoteAddr() net.Addr             { return nil }
func (*helloConn) SetDeadline(time.Time) error      { return nil }
func (*helloConn) SetReadDeadline(time.Time) error  { return nil }
func (*helloConn) SetWriteDeadline(time.Time) error { return nil }
