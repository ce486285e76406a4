package settings

import (
	"net/netip"
	"net/url"
	"regexp"

	"haven/components/firewall"
	"haven/components/network"
	"haven/components/zones"
)

// What the values of text settings look like.
var (
	regionPattern        = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[1-9]$`)
	accountPattern       = regexp.MustCompile(`^[0-9]{12}$`)
	letterPattern        = regexp.MustCompile(`^[a-h]$`)
	servicePattern       = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
	hostPattern          = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	hostedZonePattern    = regexp.MustCompile(`^Z[A-Z0-9]{8,31}$`)
	pathPattern          = regexp.MustCompile(`^[^\s'"$]*$`)
	imagePattern         = regexp.MustCompile(`^(ami-[0-9a-f]{8,17}|resolve:ssm:/?[A-Za-z0-9_./-]+(:[0-9]+)?)$`)
	instancePattern      = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9]+$`)
	instanceClassPattern = regexp.MustCompile(`^db\.[a-z][a-z0-9-]*\.[a-z0-9]+$`)
	versionPattern       = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	databasePattern      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	dailyPattern         = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$`)
	weeklyPattern        = regexp.MustCompile(`^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$`)
	tagKeyPattern        = regexp.MustCompile(`^[\pL\pN _.:/=+@-]{1,128}$`)
	tagValuePattern      = regexp.MustCompile(`^[\pL\pN _.:/=+@-]{0,256}$`)
	reservedTagPattern   = regexp.MustCompile(`^(?i:aws|haven):`)
)

func matches(pattern *regexp.Regexp) func(string) bool { return pattern.MatchString }

func optional(valid func(string) bool) func(string) bool {
	return func(value string) bool { return value == "" || valid(value) }
}

// isLoopbackURL accepts only this machine: a program that believes it speaks to
// the lab must not speak to anything else.
func isLoopbackURL(value string) bool {
	parsed, err := url.Parse(value)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.User != nil {
		return false
	}
	if parsed.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(parsed.Hostname())
	return err == nil && addr.IsLoopback()
}

func isVPCBlock(value string) bool {
	spread, err := zones.Plan("us-east-1", zones.First(zones.Fewest))
	if err != nil {
		return false
	}
	_, err = network.NewPlan(value, spread)
	return err == nil
}

func isBlock(value string) bool {
	prefix, err := netip.ParsePrefix(value)
	return err == nil && prefix.Addr().Is4() && prefix.Masked() == prefix
}

func isDomain(value string) bool { return firewall.ValidateDomains([]string{value}) == nil }

func isTag(key, value string) bool {
	return tagKeyPattern.MatchString(key) && tagValuePattern.MatchString(value) && !reservedTagPattern.MatchString(key)
}
