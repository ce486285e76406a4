package balancer

import "fmt"

// Limits of requests and responses
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html), in bytes.
const (
	longestHeader    = 64 << 10 // of a request, altogether
	longestOneHeader = 16 << 10
	longestURL       = 16 << 10
	longestAnswer    = 32 << 10 // a response's header, altogether
	rewriteRoom      = 4 << 10  // what the node may add to a header
	mostForwarders   = 30       // addresses in X-Forwarded-For
)

// Limits of connections: each takes two descriptors, and limits of a few thousand are common. One address can't take
// them all, so that a client that opens connections and asks nothing leaves room for the others.
const (
	maxConnections       = 4000
	maxConnectionsOfOne  = 3000
	clientTable          = "clients"
	statusIncompatible   = 464
	statusTooManyProxies = 463
)

// writeConnection counts the client's connections and gives this one its identity for the logs.
func writeConnection(w *writer) {
	w.line("tcp-request connection set-var(sess.opened) date(0,us)")
	w.line("tcp-request connection track-sc0 src table %s", clientTable)
	w.line("tcp-request connection reject if { sc0_conn_cur(%s) gt %d }", clientTable, maxConnectionsOfOne)
	w.line("tcp-request connection set-var(sess.connection) uuid,regsub(-,,g)")
}

// writeLimits refuses what AWS refuses before it looks at the rules, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html says. A header
// that does not fit as a whole HAProxy refuses by itself.
func writeLimits(w *writer) {
	writeReturn(w, 414, fmt.Sprintf("{ url,length gt %d }", longestURL))
	writeReturn(w, 400, fmt.Sprintf(`{ req.hdrs,length gt %d } { req.hdrs -m reg '[^\r\n]{%d,}' }`, longestOneHeader, longestOneHeader+1))
	writeReturn(w, 405, "METH_TRACE")
	writeReturn(w, statusTooManyProxies, fmt.Sprintf("{ req.hdr_cnt(X-Forwarded-For) gt %d }", mostForwarders))
}

// writeReturn answers with one of the balancer's own pages.
func writeReturn(w *writer, status int, condition string) {
	w.line("http-request return status %d content-type text/html string %s hdr Server %s if %s", status, quote(page(reason(status))), serverHeader, condition)
}
