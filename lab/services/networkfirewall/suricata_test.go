package networkfirewall

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/vpc"
)

var home = variables{
	addresses: map[string][]string{"HOME_NET": {"10.0.0.0/16"}, "PEERS": {"192.0.2.1", "192.0.2.128/25"}},
	ports:     map[string][]string{"WEB": {"80", "443"}},
}

func TestRulesAreTranslated(t *testing.T) {
	cases := map[string]struct {
		rule string
		want []vpc.FirewallRule
	}{
		"ports and variables": {
			`pass tcp $PEERS any -> $HOME_NET [22,8000:8100] (msg:"two"; sid:7; rev:1;)`,
			[]vpc.FirewallRule{
				{Action: "pass", Protocol: 6, Source: nets("192.0.2.1/32", "192.0.2.128/25"), Destination: nets("10.0.0.0/16"), FromPort: 22, ToPort: 22, Message: "two", SID: 7},
				{Action: "pass", Protocol: 6, Source: nets("192.0.2.1/32", "192.0.2.128/25"), Destination: nets("10.0.0.0/16"), FromPort: 8000, ToPort: 8100, Message: "two", SID: 7},
			},
		},
		"content with bytes": {
			`drop http any any -> $HOME_NET $WEB (msg:"a; b"; flow:to_server,established; http.uri; content:"${jndi|3A|"; nocase; sid:8;)`,
			[]vpc.FirewallRule{
				{Action: "drop", Protocol: 6, Destination: nets("10.0.0.0/16"), FromPort: 80, ToPort: 80, Content: "${jndi:", IgnoreCase: true, Application: "http", Message: "a; b", SID: 8},
				{Action: "drop", Protocol: 6, Destination: nets("10.0.0.0/16"), FromPort: 443, ToPort: 443, Content: "${jndi:", IgnoreCase: true, Application: "http", Message: "a; b", SID: 8},
			},
		},
		"both directions": {
			`alert ip 10.1.0.0/16 any <> 10.2.0.0/16 any (sid:9;)`,
			[]vpc.FirewallRule{
				{Action: "alert", Protocol: -1, Source: nets("10.1.0.0/16"), Destination: nets("10.2.0.0/16"), FromPort: -1, ToPort: -1, SID: 9},
				{Action: "alert", Protocol: -1, Source: nets("10.2.0.0/16"), Destination: nets("10.1.0.0/16"), FromPort: -1, ToPort: -1, SID: 9},
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseRules(c.rule, home)
			require.NoError(t, err)
			require.Len(t, parsed, 1)
			rules, err := parsed[0].rules()
			require.NoError(t, err)
			require.Equal(t, c.want, rules)
		})
	}
}

func TestTheExternalNetworkIsTheRestOfTheWorld(t *testing.T) {
	parsed, err := parseRules(`drop tcp $EXTERNAL_NET any -> $HOME_NET any (sid:1;)`, home)
	require.NoError(t, err)
	rules, err := parsed[0].rules()
	require.NoError(t, err)
	contains := func(addr string) bool {
		for _, prefix := range rules[0].Source {
			if prefix.Contains(netip.MustParseAddr(addr)) {
				return true
			}
		}
		return false
	}
	for addr, external := range map[string]bool{"10.0.0.1": false, "10.0.255.255": false, "10.1.0.0": true, "9.255.255.255": true, "198.51.100.7": true} {
		require.Equal(t, external, contains(addr), addr)
	}
}

func TestWhatTheLabCannotHonourIsRefusedByName(t *testing.T) {
	cases := map[string]string{
		`drop tcp any any -> any any (pcre:"/x/"; sid:1;)`:                          `keyword "pcre"`,
		`drop dns any any -> any any (sid:1;)`:                                      `protocol "dns"`,
		`drop tcp any 53 -> any any (sid:1;)`:                                       "source ports",
		`drop tcp any any -> any any (msg:"no id";)`:                                "no sid",
		`drop tcp $NOPE any -> any any (sid:1;)`:                                    "$NOPE is not declared",
		`drop tcp any any any any (sid:1;)`:                                         "6 fields",
		`block tcp any any -> any any (sid:1;)`:                                     `action "block"`,
		`drop tcp any any -> any [80 (sid:1;)`:                                      "unbalanced",
		`drop tcp any any -> any any (content:!"x"; sid:1;)`:                        "negated",
		`drop tcp any any -> any any (content:"a"; content:"b"; sid:1;)`:            "second content",
		"drop tcp any any -> any any (sid:1;)\npass ip any any -> any any (sid:1;)": "line 2: sid 1 is used twice",
	}
	for rule, want := range cases {
		_, err := parseRules(rule, home)
		require.ErrorContains(t, err, want, rule)
	}
}

func TestEveryBadLineIsTold(t *testing.T) {
	_, err := parseRules("# a comment\n\nnonsense\ndrop tcp any any -> any any (sid:1;)\ndrop x any any -> any any (sid:2;)", home)
	require.ErrorContains(t, err, "line 3")
	require.ErrorContains(t, err, "line 5")
}

func FuzzParseRules(f *testing.F) {
	f.Add(`drop tcp $EXTERNAL_NET any -> $HOME_NET [22,23] (msg:"x"; sid:1; rev:1;)`)
	f.Add(`pass http any any <> [10.0.0.0/8,!10.1.0.0/16] 80: (content:"|41|"; sid:2;)`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseRules(text, home)
		if err != nil {
			return
		}
		for _, s := range parsed {
			if _, err := s.rules(); err == nil {
				require.Positive(t, s.SID)
			}
		}
	})
}

func nets(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
