package policy

import (
	"net/netip"
	"strings"
)

// narrowing are the condition keys that keep a statement for everyone from being public, when their values are fixed:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
var narrowing = map[string]bool{
	"aws:principalorgid": true, "aws:principalorgpaths": true, "aws:sourcearn": true, "aws:sourcevpc": true, "aws:sourcevpce": true,
	"aws:sourceowner": true, "aws:sourceaccount": true, "aws:userid": true, "s3:x-amz-server-side-encryption-aws-kms-key-id": true,
	"s3:dataaccesspointarn": true, "s3:dataaccesspointaccount": true, "aws:principalaccount": true, "aws:principalarn": true, "kms:calleraccount": true,
}

// Public tells whether a resource's policy lets in somebody whom it does not say by a fixed value.
func (d *Document) Public() bool {
	for i := range d.Statement {
		if s := &d.Statement[i]; s.Effect == Allow && s.Principal.everyone() && !s.narrowed() {
			return true
		}
	}
	return false
}

// everyone tells whether a wildcard is among the principals.
func (p Principals) everyone() bool {
	for _, names := range p {
		for _, name := range names {
			if strings.ContainsAny(name, "*?") {
				return true
			}
		}
	}
	return false
}

// narrowed tells whether one condition gives everyone fixed values of a key that says who or from where.
func (s *Statement) narrowed() bool {
	for operator, keys := range s.Condition {
		set, base := cutSet(operator)
		if set == "ForAllValues" || strings.HasSuffix(base, "IfExists") || negated[base] != "" {
			continue // these hold for a request that lacks the key
		}
		for key, values := range keys {
			if len(values) > 0 && (base == "IpAddress" && strings.EqualFold(key, "aws:SourceIp") && bounded(values) ||
				narrowing[strings.ToLower(key)] && operators[base] != nil && fixed(values)) {
				return true
			}
		}
	}
	return false
}

// fixed tells whether no value is a wildcard or a variable.
func fixed(values Strings) bool {
	for _, value := range values {
		if strings.ContainsAny(value, "*?") || strings.Contains(value, "${") {
			return false
		}
	}
	return true
}

// bounded tells whether address ranges are narrow: S3 calls those wider than /8 (IPv6: /32) public.
func bounded(values Strings) bool {
	for _, value := range values {
		prefix, err := netip.ParsePrefix(value)
		if err != nil {
			if _, single := netip.ParseAddr(value); single != nil {
				return false
			}
			continue
		}
		least := 8
		if prefix.Addr().Is6() {
			least = 32
		}
		if prefix.Bits() < least {
			return false
		}
	}
	return true
}
