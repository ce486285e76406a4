package balancer

import (
	"net/netip"
	"time"
)

// Spec is one node of an application load balancer: its part in one zone.
type Spec struct {
	Interface string // the node's interface id, which names its namespace
	Balancer  string // the balancer's ARN
	Zone      string // such as "us-east-1a"
	Address   netip.Addr
	Settings  Settings
	Listeners []Listener
	Groups    []Group
	Lost      bool // the node has no power: it is killed, its network is silent, and it comes back when this ends
	Hung      bool // the node's processes stand still
}

// Settings are the balancer's attributes that its nodes act on.
type Settings struct {
	IdleTimeout        time.Duration // idle_timeout.timeout_seconds
	HTTP2              bool          // routing.http2.enabled
	DropInvalidHeaders bool          // routing.http.drop_invalid_header_fields.enabled
	ForwardedFor       string        // routing.http.xff_header_processing.mode: "append", "preserve" or "remove"
	ForwardedPort      bool          // routing.http.xff_client_port.enabled
	TLSHeaders         bool          // routing.http.x_amzn_tls_version_and_cipher_suite.enabled
	KeepHost           bool          // routing.http.preserve_host_header.enabled
	ConnectionLife     time.Duration // client_keep_alive.seconds; 0: no end
	Log                bool          // tell Options.Access of each request all that access and connection logs want
}

// Listener is one listening port. Its last rule has no conditions: the default.
type Listener struct {
	ARN             string
	Port            int
	TLS             *TLS // nil: plain HTTP
	Rules           []Rule
	HideServer      bool              // routing.http.response.server.enabled = false
	ResponseHeaders map[string]string // set on every response
}

// TLS is what a secure listener presents.
type TLS struct {
	Policy       string        // such as "ELBSecurityPolicy-TLS13-1-2-2021-06"
	Certificates []Certificate // the first is the default; the others are chosen by the client's server name
}

// Certificate is a chain and its key. It must never be printed.
type Certificate struct {
	ARN string
	PEM []byte `json:"-"` // leaf, chain and private key, in this order
}

// Rule is one rule of a listener; the first whose conditions all hold decides.
type Rule struct {
	Priority   int // 0: the default rule
	Conditions []Condition
	Action     Action
}

// Fields that a condition can look at, by their names in the API.
const (
	FieldHost     = "host-header"
	FieldPath     = "path-pattern"
	FieldHeader   = "http-header"
	FieldMethod   = "http-request-method"
	FieldQuery    = "query-string"
	FieldSourceIP = "source-ip"
)

// Condition holds when any of its values matches.
type Condition struct {
	Field  string
	Header string // the name, of an http-header condition
	Values []string
	Query  []KeyValue // of a query-string condition
}

// KeyValue matches one pair of the query string; an empty key matches any.
type KeyValue struct{ Key, Value string }

// Action is what a rule does: exactly one member is set.
type Action struct {
	Forward  *Forward
	Redirect *Redirect
	Fixed    *FixedResponse
}

// Forward sends the request to one of the groups, by weight.
type Forward struct {
	Groups []WeightedGroup
	Sticky time.Duration // group stickiness; 0: off
}

// WeightedGroup is a target group's share.
type WeightedGroup struct {
	Group  string // Group.ID
	Weight int
}

// Redirect answers with another address. The parts may hold #{protocol}, #{host}, #{port}, #{path} and #{query}.
type Redirect struct {
	Protocol, Host, Port, Path, Query string
	Status                            int // 301 or 302
}

// FixedResponse answers by itself.
type FixedResponse struct {
	Status      int
	ContentType string
	Body        string
}

// Algorithms of a target group.
const (
	RoundRobin       = "round_robin"
	LeastOutstanding = "least_outstanding_requests"
	WeightedRandom   = "weighted_random"
)

// Group is a target group as the node uses it.
type Group struct {
	ID        string // the last part of its ARN: hexadecimal digits
	ARN       string
	Protocol  string // "HTTP" or "HTTPS"
	HTTP2     bool   // protocol version HTTP2
	Algorithm string
	CrossZone bool // false: only targets of the node's own zone
	SlowStart time.Duration
	Sticky    *Stickiness
	Check     HealthCheck
	// MinHealthy and MinHealthyPercent: with fewer healthy targets requests go to all of them (unhealthy_state_routing).
	MinHealthy        int
	MinHealthyPercent int
	Targets           []Target
}

// Stickiness binds a client to a target by a cookie.
type Stickiness struct {
	AppCookie string // the application's cookie; empty: the balancer's own (lb_cookie)
	Duration  time.Duration
}

// HealthCheck is how the targets of a group are probed.
type HealthCheck struct {
	Protocol           string // "HTTP" or "HTTPS"
	HTTP2              bool   // ask as the group's protocol version says
	Port               int    // 0: the port that the target gets traffic on
	Path               string
	Matcher            string // such as "200-299,301"
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int // thresholds
}

// Target is a registered target that the node may send requests to.
type Target struct {
	ID       string // instance id or address, as registered
	Zone     string
	Address  netip.Addr
	Port     int
	Draining bool // deregistering: gets no new request
	Shifted  bool // a zonal shift leads requests away from it, unless the node fails open
	// InService is filled in by the node: its checker found the target healthy.
	InService bool `json:"-"`
}

// Key identifies the target within its group.
func (t Target) Key() TargetKey { return TargetKey{ID: t.ID, Port: t.Port} }

// TargetKey is a target's identity within its group.
type TargetKey struct {
	ID   string
	Port int
}

// Group returns the group with the id.
func (s Spec) Group(id string) (Group, bool) {
	for _, group := range s.Groups {
		if group.ID == id {
			return group, true
		}
	}
	return Group{}, false
}

// Reachable returns the group's targets that a node of the zone may use.
func (g Group) Reachable(zone string) []Target {
	var targets []Target
	for _, target := range g.Targets {
		if g.CrossZone || target.Zone == zone || target.Zone == "all" {
			targets = append(targets, target)
		}
	}
	return targets
}
