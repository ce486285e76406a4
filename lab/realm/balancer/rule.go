package balancer

import (
	"fmt"
	"strconv"
	"strings"
)

// writeRuleMatch remembers the first rule that matches in txn.rule, whatever kind of action it has: HAProxy would
// otherwise run its own kinds of rules in its own order.
func writeRuleMatch(w *writer, rule Rule) {
	var names []string
	for i, condition := range rule.Conditions {
		name := fmt.Sprintf("r%d_%d", rule.Priority, i)
		for _, expression := range condition.expressions() {
			w.line("acl %s %s", name, expression)
		}
		names = append(names, name)
	}
	w.line("http-request set-var(txn.rule) int(%d) if !{ var(txn.rule) -m found }%s", rule.Priority, joined(names))
}

func joined(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " " + strings.Join(names, " ")
}

// expressions returns the condition's alternatives, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html defines them.
func (c Condition) expressions() []string {
	var all []string
	for _, value := range c.Values {
		all = append(all, c.expression(value))
	}
	for _, pair := range c.Query {
		all = append(all, "var(txn.query) -m reg -i -- "+quote(pair.pattern()))
	}
	return all
}

func (c Condition) expression(value string) string {
	whole := quote("^" + wildcard(value, ".") + "$")
	switch c.Field {
	case FieldHost:
		return "var(txn.host) -m reg -i -- " + whole
	case FieldPath:
		return "var(txn.path) -m reg -- " + whole
	case FieldHeader:
		return "req.fhdr(" + c.Header + ") -m reg -i -- " + whole
	case FieldMethod:
		return "method -m str -- " + quote(value)
	default: // FieldSourceIP; validate has seen to it
		return "src -m ip -- " + quote(value)
	}
}

func (p KeyValue) pattern() string {
	key := "[^&=]*="
	if p.Key != "" {
		key = wildcard(p.Key, "[^&=]") + "="
	} else if p.Value == "" {
		key = ""
	}
	return "(^|&)" + key + wildcard(p.Value, "[^&]") + "(&|$)"
}

// writeRuleAction does what the rule says when it is the one that matched.
func writeRuleAction(w *writer, listener Listener, rule Rule) {
	matched := fmt.Sprintf("{ var(txn.rule) -m int %d }", rule.Priority)
	switch action := rule.Action; {
	case action.Redirect != nil:
		writeRedirect(w, listener, *action.Redirect, matched)
	case action.Fixed != nil:
		w.line("http-request return status %d content-type %s file %s hdr Server %s if %s", action.Fixed.Status,
			quote(action.Fixed.ContentType), fileName("body", []byte(action.Fixed.Body)), serverHeader, matched)
	default:
		writeForward(w, rule.Priority, *action.Forward, matched)
	}
}

// writeForward chooses the target group, by weight when there are several, and sticks to it when told so.
func writeForward(w *writer, priority int, forward Forward, matched string) {
	if len(forward.Groups) == 1 {
		w.line("http-request set-var(txn.group) str(%s) if %s", forward.Groups[0].Group, matched)
		return
	}
	total := 0
	for _, group := range forward.Groups {
		total += group.Weight
	}
	if total == 0 { // every weight is 0: the group gets no traffic, and nothing else is there to answer
		w.line("http-request set-var(txn.group) str(%s) if %s", forward.Groups[0].Group, matched)
		w.line("http-request return status 503 default-errorfiles if %s", matched)
		return
	}
	if forward.Sticky > 0 {
		writeAge(w, "AWSALBTG")
		for _, group := range forward.Groups {
			w.line("http-request set-var(txn.group) str(%s) if %s { req.cook(AWSALBTG),field(1,.) -m str %s } %s",
				group.Group, matched, stickyToken(strconv.Itoa(priority), group.Group), fresh(forward.Sticky))
		}
	}
	w.line("http-request set-var(txn.pick) rand(%d) if %s", total, matched)
	below := 0
	for _, group := range forward.Groups {
		if group.Weight == 0 {
			continue
		}
		below += group.Weight
		w.line("http-request set-var(txn.group) str(%s) if %s !{ var(txn.group) -m found } { var(txn.pick) -m int lt %d }", group.Group, matched, below)
	}
	if forward.Sticky > 0 {
		writeGroupCookies(w, priority, forward, matched)
	}
}

func writeGroupCookies(w *writer, priority int, forward Forward, matched string) {
	for _, group := range forward.Groups {
		here := fmt.Sprintf("%s { var(txn.group) -m str %s }", matched, group.Group)
		token := stickyToken(strconv.Itoa(priority), group.Group)
		writeCookie(w, "AWSALBTG", token, here)
		writeCookieWith(w, "AWSALBTGCORS", token, "; SameSite=None; Secure", here)
	}
}

// stickyToken is an opaque cookie value for one choice among others.
func stickyToken(parts ...string) string { return digest([]byte(strings.Join(parts, "\x00"))) }

// writeRedirect answers with the new address. #{query} is replaced together with its question mark.
func writeRedirect(w *writer, listener Listener, redirect Redirect, matched string) {
	location := redirect.location(listener)
	set := func(suffix, condition string) {
		w.line("http-request set-var-fmt(txn.location) %s if %s%s", quote(location+suffix), matched, condition)
	}
	switch {
	case redirect.Query == "":
		set("", "")
	case redirect.Query == "#{query}":
		set("", " !{ var(txn.query) -m len gt 0 }")
		set("?%[var(txn.query)]", " { var(txn.query) -m len gt 0 }")
	default:
		set("?"+expand(redirect.Query, listener), "")
	}
	w.line("http-request return status %d content-type text/html string %s hdr Server %s hdr Location %s if %s", redirect.Status,
		quote(page(reason(redirect.Status))), serverHeader, quote("%[var(txn.location)]"), matched)
}

func (r Redirect) location(listener Listener) string {
	return expand(strings.ToLower(r.Protocol), listener) + "://" + expand(r.Host, listener) + ":" + expand(r.Port, listener) + expand(r.Path, listener)
}

// expand turns AWS's #{…} into HAProxy's expressions and hides every other percent sign from it.
func expand(template string, listener Listener) string {
	scheme := "http"
	if listener.TLS != nil {
		scheme = "https"
	}
	return strings.NewReplacer("%", "%%",
		"#{protocol}", scheme, "#{port}", strconv.Itoa(listener.Port),
		"#{host}", "%[var(txn.host)]", "#{path}", "%[var(txn.rest)]", "#{query}", "%[var(txn.query)]").Replace(template)
}
