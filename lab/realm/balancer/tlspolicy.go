package balancer

import (
	"slices"
	"strings"
)

// Policy is a predefined security policy for TLS, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html lists them.
type Policy struct {
	Name      string
	Protocols []string // such as "TLSv1.2", oldest first
	Ciphers   []string // OpenSSL's names; those of TLS 1.3 begin with "TLS_"
}

var (
	tls13Ciphers = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}

	ecdheGCM = []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}
	ecdheCBC = []string{"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384"}
	ecdheSHA = []string{"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA"}
	rsaGCM   = []string{"AES128-GCM-SHA256", "AES256-GCM-SHA384"}
	rsaCBC   = []string{"AES128-SHA256", "AES256-SHA256"}
	rsaSHA   = []string{"AES128-SHA", "AES256-SHA"}

	from10 = []string{"TLSv1", "TLSv1.1", "TLSv1.2"}
	from11 = []string{"TLSv1.1", "TLSv1.2"}
	from12 = []string{"TLSv1.2"}
	only13 = []string{"TLSv1.3"}
)

// DefaultPolicy is what a secure listener made through the API without a policy gets.
const DefaultPolicy = "ELBSecurityPolicy-2016-08"

// Policies returns all policies that the lab knows, in the order of the document.
func Policies() []Policy {
	with13 := func(older []string) []string { return slices.Concat(older, only13) }
	return []Policy{
		{"ELBSecurityPolicy-TLS13-1-2-2021-06", with13(from12), slices.Concat(tls13Ciphers, ecdheGCM, ecdheCBC)},
		{"ELBSecurityPolicy-TLS13-1-3-2021-06", only13, tls13Ciphers},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", with13(from12), slices.Concat(tls13Ciphers, ecdheGCM)},
		{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", with13(from12), slices.Concat(tls13Ciphers, ecdheGCM, ecdheCBC, rsaGCM, rsaCBC)},
		{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", with13(from12), slices.Concat(tls13Ciphers, ecdheGCM, ecdheCBC, ecdheSHA, rsaGCM, rsaCBC, rsaSHA)},
		{"ELBSecurityPolicy-TLS13-1-1-2021-06", with13(from11), slices.Concat(tls13Ciphers, ecdheGCM, ecdheCBC, ecdheSHA, rsaGCM, rsaCBC, rsaSHA)},
		{"ELBSecurityPolicy-TLS13-1-0-2021-06", with13(from10), slices.Concat(tls13Ciphers, ecdheGCM, ecdheCBC, ecdheSHA, rsaGCM, rsaCBC, rsaSHA)},
		{"ELBSecurityPolicy-FS-1-2-Res-2020-10", from12, ecdheGCM},
		{"ELBSecurityPolicy-FS-1-2-Res-2019-08", from12, slices.Concat(ecdheGCM, ecdheCBC)},
		{"ELBSecurityPolicy-FS-1-2-2019-08", from12, slices.Concat(ecdheGCM, ecdheCBC, ecdheSHA)},
		{"ELBSecurityPolicy-FS-1-1-2019-08", from11, slices.Concat(ecdheGCM, ecdheCBC, ecdheSHA)},
		{"ELBSecurityPolicy-FS-2018-06", from10, slices.Concat(ecdheGCM, ecdheCBC, ecdheSHA)},
		{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", from12, slices.Concat(ecdheGCM, ecdheCBC, ecdheSHA, rsaGCM, rsaCBC, rsaSHA)},
		{"ELBSecurityPolicy-TLS-1-2-2017-01", from12, slices.Concat(ecdheGCM, ecdheCBC, rsaGCM, rsaCBC)},
		{"ELBSecurityPolicy-TLS-1-1-2017-01", from11, slices.Concat(ecdheGCM, ecdheCBC, ecdheSHA, rsaGCM, rsaCBC, rsaSHA)},
		{"ELBSecurityPolicy-2016-08", from10, slices.Concat(ecdheGCM, ecdheCBC, ecdheSHA, rsaGCM, rsaCBC, rsaSHA)},
	}
}

// FindPolicy returns a policy by its name.
func FindPolicy(name string) (Policy, bool) {
	for _, policy := range Policies() {
		if policy.Name == name {
			return policy, true
		}
	}
	return Policy{}, false
}

// bindOptions returns the words of a bind line that make HAProxy keep to the policy.
func (p Policy) bindOptions() string {
	var suites, ciphers []string
	for _, cipher := range p.Ciphers {
		if strings.HasPrefix(cipher, "TLS_") {
			suites = append(suites, cipher)
		} else {
			ciphers = append(ciphers, cipher)
		}
	}
	oldest, newest := p.Protocols[0], p.Protocols[len(p.Protocols)-1]
	if oldest == "TLSv1" || oldest == "TLSv1.1" {
		ciphers = append(ciphers, "@SECLEVEL=0") // OpenSSL 3 has these versions at its lowest level only
	}
	words := []string{"ssl-min-ver", haproxyVersion(oldest), "ssl-max-ver", haproxyVersion(newest)}
	if len(ciphers) > 0 {
		words = append(words, "ciphers", strings.Join(ciphers, ":"))
	}
	if len(suites) > 0 {
		words = append(words, "ciphersuites", strings.Join(suites, ":"))
	}
	return strings.Join(words, " ")
}

func haproxyVersion(protocol string) string {
	if protocol == "TLSv1" {
		return "TLSv1.0"
	}
	return protocol
}
