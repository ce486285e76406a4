package balancer

import (
	"maps"
	"slices"
)

// writeVariables keeps what rules, redirects and the access log need of the request as it came.
func writeVariables(w *writer, spec Spec) {
	w.line("http-request set-var(txn.host) req.hdr(host),host_only")
	w.line("http-request set-var(txn.authority) req.hdr(host)")
	w.line("http-request set-var(txn.path) path")
	w.line("http-request set-var(txn.rest) path,bytes(1)")
	w.line("http-request set-var(txn.query) query")
	if spec.Settings.Log {
		w.line("http-request set-var(txn.version) req.ver")
		w.line("http-request set-var(txn.agent) req.hdr(user-agent)")
		w.line("http-request set-var(txn.method) method")
		w.line("http-request set-var(txn.first) bool(true) unless { var(sess.asked) -m found }")
		w.line("http-request set-var(sess.asked) bool(true)")
	}
}

// writeRequestHeaders adds what AWS adds, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html and
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html say.
func writeRequestHeaders(w *writer, spec Spec, listener Listener) {
	settings := spec.Settings
	if settings.DropInvalidHeaders {
		w.line("http-request del-header %s -m reg", quote("[^-A-Za-z0-9]"))
	}
	writeForwardedFor(w, settings)
	scheme := "http"
	if listener.TLS != nil {
		scheme = "https"
	}
	w.line("http-request set-header X-Forwarded-Proto %s", scheme)
	w.line("http-request set-header X-Forwarded-Port %d", listener.Port)
	if listener.TLS != nil && settings.TLSHeaders {
		w.line("http-request set-header X-Amzn-Tls-Version %%[ssl_fc_protocol]")
		w.line("http-request set-header X-Amzn-Tls-Cipher-Suite %%[ssl_fc_cipher]")
	}
	writeTrace(w)
	writeHost(w, settings, listener)
}

// writeHost makes the Host header one without a port on ports 80 and 443 and one with the listener's port elsewhere,
// unless it is to be kept
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#host-header-preservation).
func writeHost(w *writer, settings Settings, listener Listener) {
	const ported = "{ req.hdr(host) -m reg :[0-9]+$ }"
	switch {
	case settings.KeepHost:
	case listener.Port == 80 || listener.Port == 443:
		w.line("http-request set-header Host %%[req.hdr(host),regsub(:[0-9]+$,)] if %s", ported)
	default:
		w.line("http-request set-header Host %%[req.hdr(host)]:%d if { req.hdr(host) -m len gt 0 } !%s", listener.Port, ported)
	}
}

func writeForwardedFor(w *writer, settings Settings) {
	client := "%[src]"
	if settings.ForwardedPort {
		client = "%[src]:%[src_port]"
	}
	switch settings.ForwardedFor {
	case "remove":
		w.line("http-request del-header X-Forwarded-For")
	case "append":
		w.line("http-request set-header X-Forwarded-For %s if { req.fhdr_cnt(X-Forwarded-For) eq 1 }", quote("%[req.fhdr(X-Forwarded-For)], "+client))
		w.line("http-request add-header X-Forwarded-For %s if { req.fhdr_cnt(X-Forwarded-For) gt 1 }", quote(client))
		w.line("http-request set-header X-Forwarded-For %s if { req.fhdr_cnt(X-Forwarded-For) eq 0 }", quote(client))
	}
}

// writeTrace sets X-Amzn-Trace-Id: Root is made when the client sent none, otherwise Self is put before what it sent,
// in the place of an earlier one.
func writeTrace(w *writer) {
	const id = "1-%[date,bytes(4,4),hex,lower]-%[uuid,regsub(-,,g),bytes(0,24)]"
	const sent = "req.hdr(X-Amzn-Trace-Id)"
	w.line("http-request set-var-fmt(txn.trace) %s if { %s -m sub Root= } !{ %s -m sub Self= }", quote("Self="+id+";%["+sent+"]"), sent, sent)
	w.line("http-request set-var-fmt(txn.trace) %s if { %s -m sub Root= } { %s -m sub Self= }", quote("Self="+id+";%["+sent+",regsub(Self=[^;]*;?,)]"), sent, sent)
	w.line("http-request set-var-fmt(txn.trace) %s if { %s -m found } !{ %s -m sub Root= }", quote("Root="+id+";%["+sent+"]"), sent, sent)
	w.line("http-request set-var-fmt(txn.trace) %s unless { %s -m found }", quote("Root="+id), sent)
	w.line("http-request set-header X-Amzn-Trace-Id %%[var(txn.trace)]")
}

// writeResponseHeaders applies the listener's attributes to every response, and ends the client's connection once it
// has lived for its time ("HTTP client keepalive duration").
func writeResponseHeaders(w *writer, settings Settings, listener Listener) {
	w.line("http-response set-var(txn.answered) status")
	w.line("http-response set-var(txn.got) date(0,us)")
	for _, name := range slices.Sorted(maps.Keys(listener.ResponseHeaders)) {
		w.line("http-after-response set-header %s %s", name, quoteFormat(listener.ResponseHeaders[name]))
	}
	if listener.HideServer {
		w.line("http-after-response del-header Server if { res.hdr(Server) -m str %s }", serverHeader)
	}
	if life := settings.ConnectionLife; life > 0 {
		w.line("http-after-response set-header Connection close if { date(0,us),sub(sess.opened) ge %d }", life.Microseconds())
	}
}
