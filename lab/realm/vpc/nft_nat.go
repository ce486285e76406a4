package vpc

import (
	"fmt"
	"net/netip"
)

// natRuleset translates what crosses a NAT gateway to the gateway's own address, from ports 1024 to 65535. Nobody can
// begin a connection to it. A connection that it has forgotten is answered with a reset, as
// https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html says of its idle timeout.
func natRuleset(own netip.Addr) string {
	t := &rulesetText{}
	t.chain("input", "type filter hook input priority 0; policy drop;",
		`iifname "lo" accept`, "ct state established,related accept")
	t.chain("forward", "type filter hook forward priority 0; policy accept;",
		"ct state invalid ip protocol tcp tcp flags & rst == 0 reject with tcp reset",
		"ct state invalid drop")
	t.chain("translate", "type nat hook postrouting priority 100; policy accept;",
		fmt.Sprintf("oifname %q ip saddr != %s ip protocol { tcp, udp } snat to %s:1024-65535", hostLink, own, own),
		fmt.Sprintf("oifname %q ip saddr != %s snat to %s", hostLink, own, own))
	return t.String()
}
