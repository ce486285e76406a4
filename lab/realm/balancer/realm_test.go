package balancer

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/authority"
	"haven/lab/realm/host"
)

// world is a switch with a balancer node, a client and servers around it, each in a namespace of its own.
type world struct {
	t       testing.TB
	host    *host.Host
	prefix  string
	hub     *host.Namespace
	node    *host.Namespace
	client  *host.Namespace
	servers map[string]*host.Namespace
	manager *Manager
	spec    Spec

	entries sync.Mutex
	seen    []Entry
}

const nodeAddress = "10.0.0.10"

func newWorld(t testing.TB) *world {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h, err := host.New(t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	w := &world{t: t, host: h, prefix: "hvt" + strings.ToLower(rand.Text()[:5]), servers: map[string]*host.Namespace{}}
	w.hub = w.namespace("hub")
	w.run(w.hub, "ip link add br0 type bridge && ip link set br0 up")
	w.node = w.attach("node", nodeAddress)
	w.client = w.attach("client", "10.0.0.99")
	w.manager = New(Options{
		Dir: t.TempDir(), Log: log, Access: w.record,
		Namespace: func(string) (*host.Namespace, bool) { return w.node, true },
	})
	t.Cleanup(func() { require.NoError(t, w.manager.Close()) })
	w.spec = Spec{
		Interface: "eni-node", Balancer: "arn:lb", Zone: "us-east-1a", Address: netip.MustParseAddr(nodeAddress),
		Settings:  Settings{IdleTimeout: 5 * time.Second, ForwardedFor: "append", HTTP2: true, Log: true},
		Listeners: []Listener{{Port: 80, Rules: []Rule{{Action: Action{Forward: &Forward{Groups: []WeightedGroup{{"aa", 1}}}}}}}},
		Groups: []Group{{ID: "aa", Protocol: "HTTP", Algorithm: RoundRobin, CrossZone: true, Check: HealthCheck{
			Protocol: "HTTP", Path: "/ready", Matcher: "200", Interval: 500 * time.Millisecond, Timeout: 450 * time.Millisecond, Healthy: 2, Unhealthy: 2}}},
	}
	return w
}

func (w *world) record(entry Entry) {
	w.entries.Lock()
	defer w.entries.Unlock()
	w.seen = append(w.seen, entry)
}

func (w *world) namespace(name string) *host.Namespace {
	ns, err := w.host.CreateNamespace(w.prefix + name)
	require.NoError(w.t, err)
	return ns
}

func (w *world) run(ns *host.Namespace, script string) {
	w.t.Helper()
	_, err := ns.Run(context.Background(), "", "sh", "-ec", script)
	require.NoError(w.t, err)
}

// attach makes a namespace with an address on the switch.
func (w *world) attach(name, address string) *host.Namespace {
	ns := w.namespace(name)
	w.run(w.hub, fmt.Sprintf("ip link add p%s type veth peer name eth0 netns /proc/$$/fd/3 3<%s && ip link set p%s master br0 up", name, ns.Path(), name))
	w.run(ns, fmt.Sprintf("ip addr add %s/24 dev eth0 && ip link set eth0 up", address))
	return ns
}

// serve runs an HTTP server at an address of the switch and registers it as a target. The returned function ends it as a
// dying process does: established connections are reset too.
func (w *world) serve(name, address string, handler http.HandlerFunc) (kill func()) {
	ns := w.attach(name, address)
	w.servers[name] = ns
	listener, err := ns.Listen(context.Background(), "tcp", address+":8080")
	require.NoError(w.t, err)
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	w.t.Cleanup(func() { server.Close() })
	w.spec.Groups[0].Targets = append(w.spec.Groups[0].Targets, Target{ID: name, Zone: "us-east-1a", Address: netip.MustParseAddr(address), Port: 8080})
	return func() { server.Close() }
}

func answering(name string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, name) }
}

func (w *world) apply() {
	w.t.Helper()
	spec := w.spec // what is applied is the manager's: the test goes on changing its own
	spec.Listeners, spec.Groups = slices.Clone(spec.Listeners), slices.Clone(spec.Groups)
	for i := range spec.Groups {
		spec.Groups[i].Targets = slices.Clone(spec.Groups[i].Targets)
	}
	require.NoError(w.t, w.manager.Apply(context.Background(), []Spec{spec}))
}

func (w *world) verdict(name string) TargetHealth {
	for _, observation := range w.manager.Observe() {
		for _, health := range observation.Targets {
			if health.Target.ID == name {
				return health
			}
		}
	}
	return TargetHealth{}
}

func (w *world) eventually(what string, holds func() bool) time.Duration {
	w.t.Helper()
	begun := time.Now()
	require.Eventually(w.t, holds, 20*time.Second, 10*time.Millisecond, what)
	return time.Since(begun)
}

func (w *world) healthy(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.eventually(name+" becomes healthy", func() bool { return w.verdict(name).Verdict == VerdictHealthy })
		backend := map[string]bool{healthyBackend("aa") + "/" + name: true}
		w.eventually(name+" is in service", func() bool { return w.inService(backend) })
	}
}

// inService asks the node what its worker has been told.
func (w *world) inService(prefixes map[string]bool) bool {
	w.manager.mu.Lock()
	n := w.manager.nodes["eni-node"]
	w.manager.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	for prefix, want := range prefixes {
		found := false
		for path, in := range n.told {
			if strings.HasPrefix(path, prefix+"_") {
				found = in.in == want
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func (w *world) http() *http.Client {
	return &http.Client{
		Timeout:       15 * time.Second,
		Transport:     &http.Transport{DialContext: w.client.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) get(client *http.Client, url string, edit ...func(*http.Request)) (reply, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return reply{}, err
	}
	for _, change := range edit {
		change(request)
	}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

func (w *world) must(url string, edit ...func(*http.Request)) reply {
	w.t.Helper()
	got, err := w.get(w.http(), url, edit...)
	require.NoError(w.t, err)
	return got
}

const site = "http://" + nodeAddress

func TestADeadTargetLeavesTheRotationInTime(t *testing.T) {
	w := newWorld(t)
	kill := w.serve("one", "10.0.0.1", answering("one"))
	w.serve("two", "10.0.0.2", answering("two"))
	w.apply()
	w.healthy("one", "two")
	kill()
	took := w.eventually("the dead target is found", func() bool { return w.verdict("one").Verdict == VerdictUnhealthy })
	check := w.spec.Groups[0].Check
	require.Less(t, took, check.Interval*time.Duration(check.Unhealthy+1)+2*time.Second)
	require.Equal(t, ReasonFailed, w.verdict("one").Reason)
	w.eventually("it is out of service", func() bool { return w.inService(map[string]bool{"g_aa/one": false}) })
	for range 20 {
		require.Equal(t, reply{200, nil, "two"}, bare(w.must(site+"/")))
	}
}

func bare(r reply) reply { return reply{r.status, nil, r.body} }

func TestABlackHoledTargetIsFoundByTimeout(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	w.serve("two", "10.0.0.2", answering("two"))
	w.apply()
	w.healthy("one", "two")
	require.NoError(t, w.servers["one"].Nft(context.Background(), "table inet hole { chain in { type filter hook input priority 0; policy drop; }; }"))
	took := w.eventually("the silent target is found", func() bool { return w.verdict("one").Verdict == VerdictUnhealthy })
	check := w.spec.Groups[0].Check
	require.Less(t, took, check.Interval*time.Duration(check.Unhealthy+1)+2*time.Second)
	require.Equal(t, ReasonTimeout, w.verdict("one").Reason)
}

func TestTheNodeFailsOpenAndComesBack(t *testing.T) {
	w := newWorld(t)
	var ready atomic.Bool
	ready.Store(true)
	w.serve("one", "10.0.0.1", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ready" && !ready.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(rw, "one")
	})
	w.apply()
	w.healthy("one")
	ready.Store(false)
	w.eventually("it is unhealthy", func() bool { return w.verdict("one").Verdict == VerdictUnhealthy })
	require.Equal(t, TargetHealth{Group: "aa", Target: TargetKey{"one", 8080}, Address: "10.0.0.1", Verdict: VerdictUnhealthy, Reason: ReasonMismatch, Status: 503}, w.verdict("one"))
	w.eventually("it is out of service", func() bool { return w.inService(map[string]bool{"g_aa/one": false}) })
	require.Equal(t, reply{200, nil, "one"}, bare(w.must(site+"/")), "all targets are unhealthy: requests go to all of them")
	ready.Store(true)
	w.healthy("one")
	require.Equal(t, reply{200, nil, "one"}, bare(w.must(site+"/")))
}

func TestStatusCodesOfTheBalancerItself(t *testing.T) {
	w := newWorld(t)
	w.apply()
	none := w.must(site + "/")
	require.Equal(t, 503, none.status, "no registered target")
	require.Equal(t, "awselb/2.0", none.header.Get("Server"))

	kill := w.serve("one", "10.0.0.1", func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/broken":
			panic(http.ErrAbortHandler)
		case "/own":
			rw.Header().Set("Server", "mine")
			rw.WriteHeader(503)
		}
	})
	w.spec.Settings.IdleTimeout = time.Second
	w.apply()
	w.healthy("one")
	broken := w.must(site + "/broken")
	require.Equal(t, 502, broken.status, "the target closed before it answered")
	require.Equal(t, "awselb/2.0", broken.header.Get("Server"))
	require.Equal(t, 504, w.must(site+"/slow").status, "the target is slower than the idle timeout")
	own := w.must(site + "/own")
	require.Equal(t, 503, own.status)
	require.Equal(t, "mine", own.header.Get("Server"))

	kill()
	refused := w.must(site + "/")
	require.Equal(t, 502, refused.status, "the target refuses the connection")
	require.Contains(t, refused.body, "502 Bad Gateway")
	require.Empty(t, refused.header.Get("X-Lab-Unreached"))

	require.NoError(t, w.servers["one"].Nft(context.Background(), "table inet hole { chain in { type filter hook input priority 0; policy drop; }; }"))
	silent := w.must(site + "/")
	require.Equal(t, 504, silent.status, "the connection to the target timed out")
	require.Contains(t, silent.body, "504 Gateway Time-out")
}

func TestDrainingFinishesWhatIsInFlightAndTakesNothingNew(t *testing.T) {
	w := newWorld(t)
	entered, release := make(chan struct{}), make(chan struct{})
	w.serve("one", "10.0.0.1", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(entered)
			<-release
		}
		io.WriteString(rw, "one")
	})
	w.apply()
	w.healthy("one")
	w.serve("two", "10.0.0.2", answering("two"))

	answered := make(chan reply, 1)
	go func() {
		got, _ := w.get(w.http(), site+"/long")
		answered <- got
	}()
	<-entered
	w.apply() // a reload: the request now runs in an old worker
	w.healthy("two")
	w.spec.Groups[0].Targets[0].Draining = true
	w.apply()
	w.eventually("it is out of service", func() bool { return w.inService(map[string]bool{"g_aa/one": false, "o_aa/one": false}) })
	for range 10 {
		require.Equal(t, "two", w.must(site+"/").body)
	}
	w.eventually("the request in flight is counted", func() bool { return w.verdict("one").InFlight == 1 })
	require.False(t, w.verdict("one").Quiet)
	close(release)
	require.Equal(t, reply{200, nil, "one"}, bare(<-answered))
	w.eventually("nothing is in flight", func() bool { return w.verdict("one").Quiet })
}

func TestReloadsUnderLoadFailNoRequest(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	w.serve("two", "10.0.0.2", answering("two"))
	w.apply()
	w.healthy("one", "two")

	stop := make(chan struct{})
	var sent, failed atomic.Int64
	var last atomic.Value
	var clients sync.WaitGroup
	for i := range 6 {
		client := w.http()
		client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(1)
				if got, err := w.get(client, site+"/"); err != nil || got.status != 200 {
					failed.Add(1)
					last.Store(fmt.Sprintf("%+v %v", got, err))
				}
			}
		})
	}
	for i := range 8 {
		w.spec.Listeners[0].ResponseHeaders = map[string]string{"X-Round": fmt.Sprint(i)}
		w.apply()
		w.eventually("the new configuration answers", func() bool { return w.must(site+"/").header.Get("X-Round") == fmt.Sprint(i) })
	}
	close(stop)
	clients.Wait()
	require.Greater(t, sent.Load(), int64(100))
	require.Zero(t, failed.Load(), "of %d requests; the last failure: %v", sent.Load(), last.Load())
}

func TestAKilledHAProxyComesBackByItself(t *testing.T) {
	w := newWorld(t)
	w.serve("one", "10.0.0.1", answering("one"))
	w.apply()
	w.healthy("one")
	w.eventually("the node runs", func() bool { return w.manager.Observe()[0].Running })
	w.run(w.node, fmt.Sprintf("kill -9 %d", w.manager.nodes["eni-node"].process.PID()))
	w.eventually("the loss is seen", func() bool { return !w.manager.Observe()[0].Running })
	w.eventually("it runs again", func() bool { return w.manager.Observe()[0].Running })
	w.eventually("it serves again", func() bool {
		got, err := w.get(w.http(), site+"/")
		return err == nil && got.body == "one"
	})
}

func TestRulesRedirectsHeadersAndTLS(t *testing.T) {
	w := newWorld(t)
	headers := make(chan http.Header, 10)
	w.serve("one", "10.0.0.1", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			headers <- r.Header.Clone()
		}
		io.WriteString(rw, "one")
	})
	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	pem := func(name string) []byte {
		cert, key, err := ca.Issue([]string{name}, nil)
		require.NoError(t, err)
		return append(cert, key...)
	}
	w.spec.Settings.DropInvalidHeaders = true
	w.spec.Groups[0].Sticky = &Stickiness{Duration: time.Hour}
	w.spec.Listeners[0].Rules = []Rule{{Action: Action{Redirect: &Redirect{Protocol: "HTTPS", Host: "#{host}", Port: "443", Path: "/#{path}", Query: "#{query}", Status: 301}}}}
	w.spec.Listeners = append(w.spec.Listeners, Listener{
		Port: 443, TLS: &TLS{"ELBSecurityPolicy-TLS13-1-2-2021-06", []Certificate{{PEM: pem("www.example.com")}, {PEM: pem("other.example.com")}}},
		Rules: []Rule{
			{Priority: 5, Conditions: []Condition{{Field: FieldPath, Values: []string{"/fixed/*"}}}, Action: Action{Fixed: &FixedResponse{Status: 403, ContentType: "text/plain", Body: "go\naway"}}},
			{Priority: 6, Conditions: []Condition{{Field: FieldQuery, Query: []KeyValue{{"v", "1*"}}}}, Action: Action{Fixed: &FixedResponse{Status: 200, ContentType: "text/plain", Body: "by query"}}},
			{Priority: 7, Conditions: []Condition{{Field: FieldHost, Values: []string{"OTHER.*"}}}, Action: Action{Fixed: &FixedResponse{Status: 200, ContentType: "text/plain", Body: "by host"}}},
			{Priority: 8, Conditions: []Condition{{Field: FieldSourceIP, Values: []string{"10.0.0.99/32"}}, {Field: FieldHeader, Header: "X-Kind", Values: []string{"sec?et"}}}, Action: Action{Fixed: &FixedResponse{Status: 200, ContentType: "text/plain", Body: "by source and header"}}},
			{Action: Action{Forward: &Forward{Groups: []WeightedGroup{{"aa", 1}}}}},
		},
	})
	w.apply()
	w.healthy("one")

	moved := w.must(site + "/a/b%20c?x=1&y=%25")
	require.Equal(t, 301, moved.status)
	require.Equal(t, "https://10.0.0.10:443/a/b%20c?x=1&y=%25", moved.header.Get("Location"))
	require.Equal(t, "https://10.0.0.10:443/", w.must(site+"/").header.Get("Location"))

	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca.CertificatePEM()))
	secure := func(name string, most uint16) *http.Client {
		return &http.Client{CheckRedirect: w.http().CheckRedirect, Timeout: 5 * time.Second, Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name, MaxVersion: most},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return w.client.DialContext(ctx, network, nodeAddress+":443")
			},
		}}
	}
	www := secure("www.example.com", 0)
	ask := func(client *http.Client, url string, edit ...func(*http.Request)) reply {
		got, err := w.get(client, url, edit...)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, reply{403, nil, "go\naway"}, bare(ask(www, "https://www.example.com/fixed/x")))
	require.Equal(t, "by query", ask(www, "https://www.example.com/?a=2&v=17").body)
	require.Equal(t, "one", ask(www, "https://www.example.com/?a=2&v=27").body)
	<-headers
	require.Equal(t, "by host", ask(secure("other.example.com", 0), "https://other.example.com/").body, "the second certificate by its name")
	require.Equal(t, "by source and header", ask(www, "https://www.example.com/", func(r *http.Request) { r.Header.Set("X-Kind", "SECRET") }).body)

	got := ask(www, "https://www.example.com/", func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "192.0.2.1")
		r.Header["bad_name"] = []string{"x"}
	})
	require.Equal(t, "one", got.body)
	cookies := strings.Join(got.header.Values("Set-Cookie"), "\n")
	require.Contains(t, cookies, "AWSALB=")
	require.Contains(t, cookies, "AWSALBCORS=")
	forwarded := <-headers
	require.Equal(t, "192.0.2.1, 10.0.0.99", forwarded.Get("X-Forwarded-For"))
	require.Equal(t, "https", forwarded.Get("X-Forwarded-Proto"))
	require.Equal(t, "443", forwarded.Get("X-Forwarded-Port"))
	require.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`, forwarded.Get("X-Amzn-Trace-Id"))
	require.NotContains(t, forwarded, "Bad_name")

	_, err = w.get(secure("www.example.com", tls.VersionTLS11), "https://www.example.com/")
	require.Error(t, err, "the policy begins at TLS 1.2")

	w.eventually("the requests are logged", func() bool { w.entries.Lock(); defer w.entries.Unlock(); return len(w.seen) >= 8 })
	w.entries.Lock()
	defer w.entries.Unlock()
	line := w.seen[len(w.seen)-1].AccessLine(Names{Balancer: "app/web/1", Group: "arn:tg", Certificate: "arn:cert", Known: true})
	require.Regexp(t, `^h2 \S+Z app/web/1 10\.0\.0\.99:\d+ 10\.0\.0\.1:8080 \d\.\d{3} \d\.\d{3} \d\.\d{3} 200 200 \d+ \d+ "GET https://www\.example\.com:443/ HTTP/2\.0" "Go-http-client/2\.0" TLS_AES_128_GCM_SHA256 TLSv1\.3 arn:tg "Root=\S+" "www\.example\.com" "arn:cert" 0 \S+Z "forward" "-" "-" "10\.0\.0\.1:8080" "200" "-" "-" TID_[0-9a-f]{32} "-" "-" "-"$`, line)
}

func TestStickyClientsStayAndLeaveALostTarget(t *testing.T) {
	w := newWorld(t)
	kill := map[string]func(){
		"one": w.serve("one", "10.0.0.1", answering("one")),
		"two": w.serve("two", "10.0.0.2", answering("two")),
	}
	w.spec.Groups[0].Sticky = &Stickiness{Duration: time.Hour}
	w.apply()
	w.healthy("one", "two")
	first := w.must(site + "/")
	cookie := strings.Split(first.header.Get("Set-Cookie"), ";")[0]
	require.Contains(t, cookie, "AWSALB=")
	with := func(r *http.Request) { r.Header.Set("Cookie", cookie) }
	for range 10 {
		require.Equal(t, first.body, w.must(site+"/", with).body)
	}
	kill[first.body]()
	w.eventually("it is out of service", func() bool { return w.inService(map[string]bool{"g_aa/" + first.body: false}) })
	require.NotEqual(t, first.body, w.must(site+"/", with).body)
}

func TestANodeWithoutNamespaceWaitsAndIsReported(t *testing.T) {
	manager := New(Options{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Namespace: func(string) (*host.Namespace, bool) { return nil, false }})
	require.NoError(t, manager.Apply(context.Background(), []Spec{{Interface: "eni-1", Balancer: "arn", Zone: "us-east-1a"}}))
	require.Equal(t, []Observation{{Interface: "eni-1", Balancer: "arn", Zone: "us-east-1a", Reason: "its network interface is not attached yet"}}, manager.Observe())
	require.NoError(t, manager.Apply(context.Background(), nil))
	require.Empty(t, manager.Observe())
	require.NoError(t, manager.Close())
}
