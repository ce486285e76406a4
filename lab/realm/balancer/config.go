package balancer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the node's files, all in one folder that is HAProxy's working directory: a socket's path must be short.
const (
	configFile  = "haproxy.cfg"
	adminSocket = "admin.sock"
)

// logDescriptor is the pipe that HAProxy logs to: the first descriptor that it inherits.
const logDescriptor = 3

// connectTimeout is how long a node waits for a connection to a target, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html (HTTP 504) says.
const connectTimeout = 10 * time.Second

// serverHeader is what the balancer calls itself in the responses that it makes itself.
const serverHeader = "awselb/2.0"

// Config returns the node's HAProxy configuration: the same text for the same spec.
func Config(spec Spec) (string, error) {
	if err := validate(spec); err != nil {
		return "", fmt.Errorf("configuring node %s of %s: %w", spec.Interface, spec.Balancer, err)
	}
	w := &writer{}
	writeHead(w, spec)
	for _, listener := range spec.Listeners {
		writeListener(w, spec, listener)
	}
	for _, group := range spec.Groups {
		writeGroup(w, spec, group)
	}
	return w.String(), nil
}

// structure identifies what only a reload can change: the configuration apart from who is in service just now.
func structure(spec Spec) (string, error) {
	bare := spec
	bare.Groups = slices.Clone(spec.Groups)
	var minimums []string
	for i, group := range bare.Groups {
		minimums = append(minimums, strconv.Itoa(group.minimum(spec.Zone)))
		bare.Groups[i].Targets = slices.Clone(group.Targets)
		for j := range bare.Groups[i].Targets {
			bare.Groups[i].Targets[j].Draining = false
			bare.Groups[i].Targets[j].Shifted = false
			bare.Groups[i].Targets[j].InService = false
		}
	}
	text, err := Config(bare)
	if err != nil {
		return "", err
	}
	return digest([]byte(text + strings.Join(minimums, ","))), nil
}

// withGeneration names the configuration inside of it, so that a worker can tell which one it runs.
func withGeneration(text, generation string) string {
	return strings.Replace(text, "global\n", "global\n  description "+generation+"\n", 1)
}

// Files returns the files that the configuration names, by their names: certificates with keys, fixed bodies.
func Files(spec Spec) map[string][]byte {
	files := map[string][]byte{}
	for _, listener := range spec.Listeners {
		if listener.TLS != nil {
			for _, certificate := range listener.TLS.Certificates {
				files[fileName("certificate", certificate.PEM)] = certificate.PEM
			}
		}
		for _, rule := range listener.Rules {
			if fixed := rule.Action.Fixed; fixed != nil {
				files[fileName("body", []byte(fixed.Body))] = []byte(fixed.Body)
			}
		}
	}
	return files
}

func fileName(kind string, content []byte) string { return kind + "-" + digest(content) + ".pem" }

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

type writer struct{ strings.Builder }

func (w *writer) section(format string, args ...any) {
	if w.Len() > 0 {
		w.WriteString("\n")
	}
	fmt.Fprintf(w, format+"\n", args...)
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, "  "+format+"\n", args...) }

func writeHead(w *writer, spec Spec) {
	w.section("global")
	w.line("stats socket unix@%s mode 600 level admin expose-fd listeners", adminSocket)
	w.line("log fd@%d len %d format raw local0 info", logDescriptor, longestLine)
	w.line("hard-stop-after %s", millis(hardStop(spec)))
	w.line("maxconn %d", maxConnections)
	w.line("tune.ssl.default-dh-param 2048")
	w.line("tune.bufsize %d", longestHeader+rewriteRoom)
	w.line("tune.maxrewrite %d", rewriteRoom)
	w.line("tune.h2.max-concurrent-streams 128")
	w.line("ssl-server-verify none")

	w.section("defaults")
	w.line("mode http")
	w.line("option idle-close-on-response")
	w.line("option http-keep-alive")
	w.line("option abortonclose")
	w.line("option dontlognull")
	w.line("option http-ignore-probes") // a connection that never asks is no request
	w.line("http-reuse safe")
	w.line("retries 0")
	w.line("timeout connect %s", millis(connectTimeout))
	w.line("timeout queue %s", millis(connectTimeout))
	for _, name := range []string{"client", "server", "http-request", "http-keep-alive", "tunnel"} {
		w.line("timeout %s %s", name, millis(spec.Settings.IdleTimeout))
	}
	for _, status := range []int{400, 408, 500, 502, 503, 504} {
		w.line("http-error status %d content-type text/html string %s hdr Server %s", status, quote(page(reason(status))), serverHeader)
	}

	w.section("backend %s", clientTable)
	w.line("stick-table type ip size 20k expire 10m store conn_cur")
}

// hardStop bounds the life of a replaced worker: every request in flight could last that long.
func hardStop(spec Spec) time.Duration { return spec.Settings.IdleTimeout + time.Hour }

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

func writeListener(w *writer, spec Spec, listener Listener) {
	w.section("frontend l_%d", listener.Port)
	address := net.JoinHostPort(spec.Address.String(), strconv.Itoa(listener.Port))
	w.line("bind %s%s", address, bindTLS(spec, listener))
	w.line("log global")
	w.line("log-format %s", quote(logFormat(requestKind(spec.Settings, listener), listener.Port)))
	w.line("error-log-format %s", quote(logFormat(kindRefused, listener.Port)))
	writeConnection(w)
	w.line("http-request set-var(txn.start) date(0,us)")
	writeVariables(w, spec)
	writeLimits(w)
	writeRequestHeaders(w, spec, listener)
	writeResponseHeaders(w, spec.Settings, listener)
	for _, rule := range listener.Rules {
		writeRuleMatch(w, rule)
	}
	for _, rule := range listener.Rules {
		writeRuleAction(w, listener, rule)
	}
	writeBackendChoice(w, spec, forwardedTo(spec, listener))
}

func bindTLS(spec Spec, listener Listener) string {
	if listener.TLS == nil {
		return " proto h1" // HTTP/2 is for secure listeners
	}
	options := " ssl"
	for _, certificate := range listener.TLS.Certificates {
		options += " crt " + fileName("certificate", certificate.PEM)
	}
	alpn := "http/1.1"
	if spec.Settings.HTTP2 {
		alpn = "h2,http/1.1"
	}
	policy, _ := FindPolicy(listener.TLS.Policy)
	return options + " alpn " + alpn + " " + policy.bindOptions()
}

// forwardedTo lists the groups that the listener's rules forward to, each once, in a stable order.
func forwardedTo(spec Spec, listener Listener) []Group {
	var ids []string
	for _, rule := range listener.Rules {
		if rule.Action.Forward == nil {
			continue
		}
		for _, weighted := range rule.Action.Forward.Groups {
			ids = append(ids, weighted.Group)
		}
	}
	slices.Sort(ids)
	var groups []Group
	for _, id := range slices.Compact(ids) {
		group, _ := spec.Group(id) // validate has seen to it that there is one
		groups = append(groups, group)
	}
	return groups
}

// writeBackendChoice routes to the chosen group; when too few of its targets are healthy, to all of them; and when it
// has none at all, answers 503. A worker that a reload replaced counts no servers any more (nbsrv is 0 there), so for
// what it still has to finish it looks at each server instead.
func writeBackendChoice(w *writer, spec Spec, groups []Group) {
	for _, group := range groups {
		if group.HTTP2 {
			writeReturn(w, 464, fmt.Sprintf("{ var(txn.group) -m str %s } !{ req.ver -m str 2.0 }", group.ID))
		}
		for _, target := range group.Reachable(spec.Zone) {
			w.line("acl up_%s srv_is_up(%s/%s)", group.ID, healthyBackend(group.ID), serverName(target))
		}
		w.line("http-request return status 503 default-errorfiles if { var(txn.group) -m str %s } { nbsrv(%s) eq 0 } !{ stopping }", group.ID, openBackend(group.ID))
	}
	for _, group := range groups {
		healthy, open := healthyBackend(group.ID), openBackend(group.ID)
		chosen := fmt.Sprintf("{ var(txn.group) -m str %s }", group.ID)
		w.line("use_backend %s if %s { nbsrv(%s) lt %d } !{ stopping }", open, chosen, healthy, group.minimum(spec.Zone))
		if len(group.Reachable(spec.Zone)) > 0 {
			w.line("use_backend %s if %s { stopping } !up_%s", open, chosen, group.ID)
		}
		w.line("use_backend %s if %s", healthy, chosen)
	}
}

// minimum is the number of healthy targets below which the node fails open; at least one.
func (g Group) minimum(zone string) int {
	active := 0
	for _, target := range g.Reachable(zone) {
		if !target.Draining && !target.Shifted {
			active++
		}
	}
	percent := (active*g.MinHealthyPercent + 99) / 100
	return max(1, g.MinHealthy, percent)
}
