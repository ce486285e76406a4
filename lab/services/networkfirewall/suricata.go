package networkfirewall

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"haven/lab/realm/vpc"
)

// signature is one parsed Suricata rule.
type signature struct {
	Action      string // pass, drop, reject or alert
	Protocol    string
	Source      address
	SourcePorts string
	Destination address
	Ports       []portRange
	Both        bool // "<>"
	Content     string
	IgnoreCase  bool
	Message     string
	SID         int
}

type address struct {
	Any  bool
	Nets []netip.Prefix
	Not  bool
}

type portRange struct{ From, To int } // -1: any

// variables are a rule group's sets by name, without the dollar sign.
type variables struct {
	addresses map[string][]string
	ports     map[string][]string
}

// parseRules reads a rules string: one rule a line, with # comments. Every problem of every rule is told at once.
func parseRules(text string, vars variables) ([]signature, error) {
	var signatures []signature
	var problems []string
	seen := map[int]bool{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parsed, err := parseRule(line, vars)
		if err == nil && seen[parsed.SID] {
			err = fmt.Errorf("sid %d is used twice", parsed.SID)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", number+1, err))
			continue
		}
		seen[parsed.SID] = true
		signatures = append(signatures, parsed)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	return signatures, nil
}

// parseRule reads "action protocol source ports -> destination ports (options)".
func parseRule(line string, vars variables) (signature, error) {
	open := strings.IndexByte(line, '(')
	if open < 0 || !strings.HasSuffix(line, ")") {
		return signature{}, fmt.Errorf("expected action protocol source port -> destination port (options)")
	}
	head, err := fields(line[:open])
	if err != nil {
		return signature{}, err
	}
	if len(head) != 7 {
		return signature{}, fmt.Errorf("the part before the options has %d fields, not 7", len(head))
	}
	parsed := signature{Action: head[0], Protocol: head[1], Both: head[4] == "<>"}
	if !slices.Contains([]string{"pass", "drop", "reject", "alert"}, parsed.Action) {
		return signature{}, fmt.Errorf("unknown action %q", parsed.Action)
	}
	if _, ok := protocols[parsed.Protocol]; !ok {
		return signature{}, fmt.Errorf("the lab does not implement the protocol %q", parsed.Protocol)
	}
	if head[4] != "->" && head[4] != "<>" {
		return signature{}, fmt.Errorf("unknown direction %q", head[4])
	}
	if parsed.Source, err = parseAddress(head[2], vars); err != nil {
		return signature{}, err
	}
	if head[3] != "any" {
		return signature{}, fmt.Errorf("the lab does not implement source ports (%s)", head[3])
	}
	if parsed.Destination, err = parseAddress(head[5], vars); err != nil {
		return signature{}, err
	}
	if parsed.Ports, err = parsePorts(head[6], vars); err != nil {
		return signature{}, err
	}
	return parsed, parsed.options(line[open+1 : len(line)-1])
}

// fields splits at white space outside brackets.
func fields(text string) ([]string, error) {
	var all []string
	depth, begin := 0, -1
	for i, r := range text + " " {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		}
		space := r == ' ' || r == '\t'
		if !space && begin < 0 {
			begin = i
		}
		if space && depth == 0 && begin >= 0 {
			all = append(all, text[begin:i])
			begin = -1
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("unbalanced brackets in %q", text)
	}
	return all, nil
}

// protocols maps Suricata's protocol names to IANA numbers. Those of the application layer are TCP here.
var protocols = map[string]int{"ip": -1, "tcp": 6, "udp": 17, "icmp": 1, "http": 6, "tls": 6, "tcp-pkt": 6}

// applications are the protocols above TCP that an endpoint tells apart.
var applications = map[string]string{"http": "http", "tls": "tls"}

func parseAddress(text string, vars variables) (address, error) {
	if text == "any" || text == "0.0.0.0/0" {
		return address{Any: true}, nil
	}
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		inner, err := parseAddress(rest, vars)
		if err == nil && (inner.Not || inner.Any) {
			err = fmt.Errorf("nothing is left of address %q", text)
		}
		inner.Not = true
		return inner, err
	}
	if name, ok := strings.CutPrefix(text, "$"); ok {
		return vars.address(name)
	}
	var result address
	for _, part := range list(text) {
		inner, err := one(part, vars)
		if err != nil {
			return address{}, err
		}
		result.Nets = append(result.Nets, inner...)
	}
	return result, nil
}

func one(text string, vars variables) ([]netip.Prefix, error) {
	if strings.HasPrefix(text, "$") {
		inner, err := vars.address(text[1:])
		if err == nil && (inner.Not || inner.Any) {
			err = fmt.Errorf("the lab does not implement %s inside a list", text)
		}
		return inner.Nets, err
	}
	prefix, err := parsePrefix(text)
	return []netip.Prefix{prefix}, err
}

func parsePrefix(text string) (netip.Prefix, error) {
	if single, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(single, single.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address, a CIDR block or a variable", text)
	}
	return prefix.Masked(), nil
}

// address resolves a variable. EXTERNAL_NET is whatever HOME_NET is not, unless it is declared
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/rule-groups-ip-set-references.html).
func (v variables) address(name string) (address, error) {
	nets, ok := v.addresses[name]
	if !ok && name == "EXTERNAL_NET" {
		home, err := v.address("HOME_NET")
		home.Not = true
		return home, err
	}
	if !ok {
		return address{}, fmt.Errorf("the variable $%s is not declared", name)
	}
	var result address
	for _, text := range nets {
		prefix, err := parsePrefix(text)
		if err != nil {
			return address{}, fmt.Errorf("variable $%s: %w", name, err)
		}
		result.Nets = append(result.Nets, prefix)
	}
	return result, nil
}

func list(text string) []string {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func parsePorts(text string, vars variables) ([]portRange, error) {
	if strings.EqualFold(text, "any") {
		return []portRange{{-1, -1}}, nil
	}
	if name, ok := strings.CutPrefix(text, "$"); ok {
		ports, declared := vars.ports[name]
		if !declared {
			return nil, fmt.Errorf("the variable $%s is not declared", name)
		}
		text = strings.Join(ports, ",")
	}
	var ranges []portRange
	for _, part := range list(text) {
		from, to, ranged := strings.Cut(part, ":")
		if !ranged {
			to = from
		}
		first, err := port(from, 0)
		if err != nil {
			return nil, err
		}
		last, err := port(to, 65535)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, portRange{first, last})
	}
	return ranges, nil
}

func port(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || number > 65535 {
		return 0, fmt.Errorf("%q is not a port; the lab does not implement excluded ports", text)
	}
	return number, nil
}

// accepted are keywords without effect on what matches in the lab: they describe the rule, or say what holds anyway.
var accepted = map[string]bool{
	"rev": true, "classtype": true, "metadata": true, "reference": true, "priority": true, "gid": true, "noalert": false,
	"flow": true, "fast_pattern": true, "http.uri": true, "http.user_agent": true, "http.host": true,
	"http.method": true, "http.header": true, "http.request_line": true, "http_uri": true, "http_user_agent": true,
}

func (s *signature) options(text string) error {
	for _, option := range split(text, ';') {
		keyword, value, _ := strings.Cut(option, ":")
		keyword, value = strings.TrimSpace(keyword), strings.TrimSpace(value)
		var err error
		switch {
		case keyword == "":
		case keyword == "msg":
			s.Message = unquote(value)
		case keyword == "sid":
			s.SID, err = strconv.Atoi(value)
		case keyword == "content" && s.Content != "":
			err = fmt.Errorf("the lab does not implement a second content in one rule")
		case keyword == "content":
			s.Content, err = content(value)
		case keyword == "nocase":
			s.IgnoreCase = true
		case !accepted[keyword]:
			err = fmt.Errorf("the lab does not implement the keyword %q", keyword)
		}
		if err != nil {
			return err
		}
	}
	if s.SID <= 0 {
		return fmt.Errorf("the rule has no sid")
	}
	return nil
}

// split cuts at a separator outside quotes.
func split(text string, separator rune) []string {
	quoted, escaped := false, false
	return strings.FieldsFunc(text, func(r rune) bool {
		if escaped {
			escaped = false
			return false
		}
		switch r {
		case '\\':
			escaped = true
		case '"':
			quoted = !quoted
		}
		return r == separator && !quoted
	})
}

func unquote(text string) string { return strings.TrimSuffix(strings.TrimPrefix(text, `"`), `"`) }

// content decodes a pattern, in which |41 42| are bytes in hexadecimal.
func content(text string) (string, error) {
	if strings.HasPrefix(text, "!") {
		return "", fmt.Errorf("the lab does not implement a negated content")
	}
	var pattern strings.Builder
	for i, part := range strings.Split(unquote(text), "|") {
		if i%2 == 0 {
			pattern.WriteString(part)
			continue
		}
		raw, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			return "", fmt.Errorf("content %s: |%s| is not hexadecimal", text, part)
		}
		pattern.Write(raw)
	}
	if pattern.Len() == 0 {
		return "", fmt.Errorf("content is empty")
	}
	return pattern.String(), nil
}

// rules translates a signature to the endpoint's terms: one rule for each port range, and for both directions.
func (s signature) rules() ([]vpc.FirewallRule, error) {
	source, err := s.Source.prefixes()
	if err != nil {
		return nil, fmt.Errorf("sid %d: %w", s.SID, err)
	}
	destination, err := s.Destination.prefixes()
	if err != nil {
		return nil, fmt.Errorf("sid %d: %w", s.SID, err)
	}
	var rules []vpc.FirewallRule
	for _, ports := range s.Ports {
		rule := vpc.FirewallRule{
			Action: s.Action, Protocol: protocols[s.Protocol], Source: source, Destination: destination,
			FromPort: ports.From, ToPort: ports.To, Content: s.Content, IgnoreCase: s.IgnoreCase, Application: applications[s.Protocol],
			Message: s.Message, SID: s.SID,
		}
		rules = append(rules, rule)
		if s.Both {
			rule.Source, rule.Destination = destination, source
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

// prefixes lists the networks of an address; a negated one becomes all that is left of the address space.
func (a address) prefixes() ([]netip.Prefix, error) {
	switch {
	case a.Any:
		return nil, nil
	case !a.Not:
		return a.Nets, nil
	}
	rest := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	for _, net := range a.Nets {
		if !net.Addr().Is4() {
			return nil, fmt.Errorf("the lab does not implement IPv6 (%s)", net)
		}
		var kept []netip.Prefix
		for _, prefix := range rest {
			kept = append(kept, subtract(prefix, net)...)
		}
		rest = kept
	}
	return rest, nil
}

// subtract returns what is left of a prefix without another one.
func subtract(from, net netip.Prefix) []netip.Prefix {
	switch {
	case !from.Overlaps(net):
		return []netip.Prefix{from}
	case net.Bits() <= from.Bits():
		return nil
	}
	low := netip.PrefixFrom(from.Addr(), from.Bits()+1)
	bytes := from.Addr().As4()
	bytes[from.Bits()/8] |= 0x80 >> (from.Bits() % 8)
	high := netip.PrefixFrom(netip.AddrFrom4(bytes), from.Bits()+1)
	return append(subtract(low, net), subtract(high, net)...)
}
