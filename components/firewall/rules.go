package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// The rule groups in the order in which the engine tries them (strict order):
// what is known to be bad is dropped first, then what the site serves is passed,
// then what servers may call. Whatever is left is dropped.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
const (
	priorityBad    = 10
	priorityServed = 20
	priorityEgress = 30
)

// Capacities are fixed: changing one replaces its rule group.
const (
	capacityBad    = 200
	capacityServed = 50
	capacityEgress = 300
)

// closedPorts are administration and file-sharing ports that nothing here
// serves; a knock on them is a scan. There is no SSH anywhere.
const closedPorts = "[22,23,135,139,445,1433,2049,3306,3389,5432,5900,6379,11211,27017]"

// badRequests are marks of well-known attacks in the address of a request or in
// its user agent, as seen before TLS begins (port 80) or in clear-text proxying.
// The web filter on the balancer looks inside TLS.
var badRequests = []struct{ name, buffer, content string }{
	{"path traversal to the password file", "http.uri", "/etc/passwd"},
	{"Log4Shell look-up (CVE-2021-44228)", "http.uri", "${jndi:"},
	{"Log4Shell look-up in the user agent (CVE-2021-44228)", "http.user_agent", "${jndi:"},
	{"Shellshock (CVE-2014-6271)", "http.user_agent", "() {"},
	{"environment file probe", "http.uri", "/.env"},
	{"version control probe", "http.uri", "/.git/"},
	{"PHPUnit remote code execution (CVE-2017-9841)", "http.uri", "/eval-stdin.php"},
	{"Masscan scanner", "http.user_agent", "masscan"},
	{"sqlmap scanner", "http.user_agent", "sqlmap"},
}

// Signature ids say which group a rule is in: bad 1000000+, served 2000000+.
const (
	firstBadSID    = 1000001
	firstServedSID = 2000001
)

// badRules are the intrusion-prevention rules in Suricata's language.
func badRules() string {
	sid := firstBadSID
	lines := []string{fmt.Sprintf(
		`drop tcp $EXTERNAL_NET any -> $HOME_NET %s (msg:"closed port"; sid:%d; rev:1;)`, closedPorts, sid)}
	for _, bad := range badRequests {
		sid++
		lines = append(lines, fmt.Sprintf(
			`drop http $EXTERNAL_NET any -> $HOME_NET 80 (msg:"%s"; flow:to_server,established; %s; content:"%s"; nocase; sid:%d; rev:1;)`,
			bad.name, bad.buffer, escape(bad.content), sid))
	}
	sid++
	lines = append(lines, fmt.Sprintf(
		`drop udp $HOME_NET any -> $EXTERNAL_NET any (msg:"UDP out of the environment"; sid:%d; rev:1;)`, sid))
	return strings.Join(lines, "\n") + "\n"
}

// servedRules pass what the site serves. They name the application's protocol,
// not just TCP: such a rule decides about a whole flow, answers included, and
// only after the first data has been seen, so that it cannot overtake the rules
// about bad requests.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-limitations-caveats.html
func servedRules() string {
	served := []struct {
		protocol string
		port     int
	}{{"tls", 443}, {"http", 80}}
	var lines strings.Builder
	for i, s := range served {
		fmt.Fprintf(&lines, "pass %s $EXTERNAL_NET any -> $HOME_NET %d (msg:\"the site\"; sid:%d; rev:1;)\n",
			s.protocol, s.port, firstServedSID+i)
	}
	return lines.String()
}

// escape writes the characters that end or separate options in Suricata's
// language as hexadecimal.
// https://docs.suricata.io/en/latest/rules/payload-keywords.html#content
func escape(content string) string {
	replacer := strings.NewReplacer(`;`, `|3B|`, `:`, `|3A|`, `"`, `|22|`, `\`, `|5C|`, `|`, `|7C|`)
	return replacer.Replace(content)
}

// A domain is a full name, or begins with a dot and covers every name below it.
var domainPattern = regexp.MustCompile(`^\.?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)

// ValidateDomains says which entries of an egress allow-list are malformed.
func ValidateDomains(domains []string) error {
	var problems []error
	for _, domain := range domains {
		if !domainPattern.MatchString(domain) {
			problems = append(problems, fmt.Errorf(
				"egress domain %q: expected a name such as api.example.com, or .example.com for every name below it", domain))
		}
	}
	return errors.Join(problems...)
}

func validateHome(cidr string) error {
	if _, err := netip.ParsePrefix(cidr); err != nil {
		return fmt.Errorf("home network %q: expected CIDR notation", cidr)
	}
	return nil
}
