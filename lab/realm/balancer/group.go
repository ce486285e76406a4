package balancer

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// writeGroup writes the group's two backends: g_ has the healthy targets in service, o_ (open) has all of them, for
// when too few are healthy. Draining ones are in service in neither.
func writeGroup(w *writer, spec Spec, group Group) {
	targets := group.Reachable(spec.Zone)
	w.section("backend %s", healthyBackend(group.ID))
	writeFailures(w)
	w.line("balance %s", balance(group.Algorithm))
	writeStickiness(w, group, targets)
	for _, target := range targets {
		w.line("%s%s%s", server(group, target), slowStart(group), unless(target.inHealthy()))
	}

	w.section("backend %s", openBackend(group.ID))
	writeFailures(w)
	w.line("balance %s", balance(group.Algorithm))
	for _, target := range targets {
		w.line("%s%s", server(group, target), unless(target.inOpen()))
	}
}

func healthyBackend(group string) string { return "g_" + group }
func openBackend(group string) string    { return "o_" + group }

func (t Target) inHealthy() bool { return t.InService && !t.Draining }
func (t Target) inOpen() bool    { return !t.Draining }

func unless(inService bool) string {
	if inService {
		return ""
	}
	return " disabled"
}

// writeFailures maps HAProxy's 503 for a target that it could not reach to AWS's: 502 when the target refused, 504
// when the connection timed out (load-balancer-troubleshooting.html). A 503 of AWS's own means that there was no target.
func writeFailures(w *writer) {
	const mark = "X-Lab-Unreached"
	elapsed := fmt.Sprintf("date(0,ms),sub(txn.start),div(%d)", connectTimeout.Milliseconds())
	title := fmt.Sprintf("%%[%s,iif('%s','%s')]", elapsed, reason(504), reason(502))
	w.line("http-error status 503 content-type text/html lf-string %s hdr Server %s hdr %s 1", formatPage(title), serverHeader, mark)
	w.line("http-after-response set-status 504 reason %s if { res.hdr(%s) -m found } { %s gt 0 }", quote("Gateway Time-out"), mark, elapsed)
	w.line("http-after-response set-status 502 reason %s if { res.hdr(%s) -m found } { status 503 }", quote("Bad Gateway"), mark)
	w.line("http-after-response del-header %s", mark)
}

func balance(algorithm string) string {
	switch algorithm {
	case LeastOutstanding:
		return "leastconn"
	case WeightedRandom:
		return "random"
	default:
		return "roundrobin"
	}
}

// serverName names a target in HAProxy: its identity and its address, so that a new target at an old address is
// another server.
func serverName(target Target) string {
	return target.ID + "_" + netip.AddrPortFrom(target.Address, uint16(target.Port)).String()
}

func server(group Group, target Target) string {
	line := fmt.Sprintf("server %s %s", serverName(target), netip.AddrPortFrom(target.Address, uint16(target.Port)))
	switch {
	case group.Protocol == "HTTPS" && group.HTTP2:
		return line + " ssl verify none alpn h2"
	case group.Protocol == "HTTPS":
		return line + " ssl verify none"
	case group.HTTP2:
		return line + " proto h2"
	}
	return line
}

func slowStart(group Group) string {
	if group.SlowStart == 0 {
		return ""
	}
	return " slowstart " + millis(group.SlowStart)
}

// writeStickiness binds by cookie, as https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
// says: a target that is not in service, or drains, is left.
func writeStickiness(w *writer, group Group, targets []Target) {
	sticky := group.Sticky
	if sticky == nil {
		return
	}
	cookie, asked, answered := "AWSALB", "", ""
	if sticky.AppCookie != "" {
		cookie = "AWSALBAPP-0"
		asked = fmt.Sprintf(" { req.cook(%s) -m found }", sticky.AppCookie)
		answered = fmt.Sprintf(" { res.cook(%s) -m found }", sticky.AppCookie)
	}
	for _, target := range targets {
		token := stickyToken(group.ID, target.ID, strconv.Itoa(target.Port))
		w.line("use-server %s if { req.cook(%s) -m str %s }%s", serverName(target), cookie, token, asked)
		here := fmt.Sprintf("{ srv_name -m str %s }%s", serverName(target), answered)
		writeCookie(w, cookie, token, sticky.Duration, here)
		if sticky.AppCookie == "" {
			writeCookieWith(w, "AWSALBCORS", token, sticky.Duration, "; SameSite=None; Secure", here)
		}
	}
}

func writeCookie(w *writer, name, value string, life time.Duration, condition string) {
	writeCookieWith(w, name, value, life, "", condition)
}

func writeCookieWith(w *writer, name, value string, life time.Duration, more, condition string) {
	cookie := fmt.Sprintf("%s=%s; Expires=%%[date(%d),http_date]; Path=/%s", name, value, int(life.Seconds()), more)
	w.line("http-response add-header Set-Cookie %s if %s", quote(cookie), condition)
}
