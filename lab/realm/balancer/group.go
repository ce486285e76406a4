package balancer

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
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
		w.line("%s weight %d%s", server(group, target), fullWeight, unless(target.inHealthy()))
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

// fullWeight is a target's share; a target that starts slowly has less.
const fullWeight = 100

func (t Target) inHealthy() bool { return t.InService && !t.Draining && !t.Shifted }
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
	elapsed := fmt.Sprintf("date(0,us),sub(txn.sent),div(%d)", connectTimeout.Microseconds())
	title := fmt.Sprintf("%%[%s,iif('%s','%s')]", elapsed, reason(504), reason(502))
	w.line("http-request set-var(txn.sent) date(0,us)")
	w.line("http-response return status 502 content-type text/html string %s hdr Server %s if { res.hdrs,length gt %d }", quote(page(reason(502))), serverHeader, longestAnswer)
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

// cookieLife is how long clients keep the balancer's cookies: "The load balancer generated cookie has its own expiry of
// 7 days which is non-configurable" (sticky-sessions.html). How long they bind is in their value.
const cookieLife = 7 * 24 * time.Hour

// writeStickiness binds by cookie, as https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html
// says: a target that is not in service, or drains, is left, and so is one whose cookie is older than the duration.
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
		// A session that goes on is renewed, though the application sets its cookie but once.
		w.line("http-request set-var(txn.session) bool(true) if { req.cook(%s) -m found } { req.cook(%s) -m found }", sticky.AppCookie, cookie)
	}
	writeAge(w, cookie)
	for _, target := range targets {
		token := stickyToken(group.ID, target.ID, strconv.Itoa(target.Port))
		w.line("use-server %s if { req.cook(%s),field(1,.) -m str %s } %s%s", serverName(target), cookie, token, fresh(sticky.Duration), asked)
		here := fmt.Sprintf("{ srv_name -m str %s }", serverName(target))
		writeCookie(w, cookie, token, here+answered)
		if sticky.AppCookie != "" {
			writeCookie(w, cookie, token, here+" !"+strings.TrimSpace(answered)+" { var(txn.session) -m found }")
		} else {
			writeCookieWith(w, "AWSALBCORS", token, "; SameSite=None; Secure", here)
		}
	}
}

// writeAge remembers when the balancer's cookie was made: the part of its value behind the dot.
func writeAge(w *writer, cookie string) {
	w.line("http-request set-var(txn.made) req.cook(%s),field(2,.),add(0) if { req.cook(%s) -m found }", cookie, cookie)
}

// fresh holds for a cookie that is not older than the duration.
func fresh(duration time.Duration) string {
	return fmt.Sprintf("{ date,sub(txn.made) le %d }", int(duration.Seconds()))
}

func writeCookie(w *writer, name, value, condition string) {
	writeCookieWith(w, name, value, "", condition)
}

func writeCookieWith(w *writer, name, value, more, condition string) {
	cookie := fmt.Sprintf("%s=%s.%%[date]; Expires=%%[date(%d),http_date]; Path=/%s", name, value, int(cookieLife.Seconds()), more)
	w.line("http-response add-header Set-Cookie %s if %s", quote(cookie), condition)
}
