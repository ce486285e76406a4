package elasticloadbalancingv2

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// Each table's rows are under their ARN, targets under their group's ARN and their own identity.
var (
	loadBalancers = cloud.NewTable[loadBalancer]("elasticloadbalancingv2.load-balancers")
	targetGroups  = cloud.NewTable[targetGroup]("elasticloadbalancingv2.target-groups")
	listeners     = cloud.NewTable[listener]("elasticloadbalancingv2.listeners")
	rules         = cloud.NewTable[rule]("elasticloadbalancingv2.rules")
	targets       = cloud.NewTable[target]("elasticloadbalancingv2.targets")
)

// tables are what the reconciler watches of its own.
func tables() []string {
	return []string{loadBalancers.Name(), targetGroups.Name(), listeners.Name(), rules.Name(), targets.Name()}
}

// Tables are the tables whose changes concern who asks TargetHealth, for Store.Watch.
func Tables() []string { return []string{targetGroups.Name(), targets.Name()} }

type loadBalancer struct {
	ARN            string
	Name           string
	DNSName        string
	Scheme         types.LoadBalancerSchemeEnum
	VPC            string
	AddressType    types.IpAddressType
	SecurityGroups []string
	Nodes          []node
	State          types.LoadBalancerStateEnum
	Attributes     map[string]string // those that were set; see attribute.go for the defaults
	Tags           map[string]string
	Created        time.Time
}

type node struct {
	Zone      string
	Subnet    string
	Interface string
	Private   string
	Public    string
	Running   bool
	Reason    string
}

// suffix is "app/<name>/<id>".
func (b *loadBalancer) suffix() string { return strings.SplitN(b.ARN, "loadbalancer/", 2)[1] }

func (b *loadBalancer) zones() map[string]bool {
	zones := map[string]bool{}
	for _, node := range b.Nodes {
		zones[node.Zone] = true
	}
	return zones
}

type targetGroup struct {
	types.TargetGroup // LoadBalancerArns is computed
	Attributes        map[string]string
	Tags              map[string]string
}

// id is the last part of the ARN, which names the group in the nodes.
func (g *targetGroup) id() string { return lastPart(*g.TargetGroupArn) }

type listener struct {
	types.Listener // Certificates holds the default one
	Extra          []string
	DefaultRule    string // the default rule's ARN
	Attributes     map[string]string
	Tags           map[string]string
}

type rule struct {
	types.Rule
	Listener string
	Number   int32 // the priority
	Tags     map[string]string
}

type target struct {
	Group      string
	ID         string
	Port       int32
	Zone       string // as given, for an address outside of the VPC: "all"
	Registered time.Time
	Draining   *time.Time // since when it is being deregistered
	Drained    bool       // nothing is in flight any more: it is deregistered, and only shown as draining
	Health     health
}

func (t *target) key() string { return targetKey(t.Group, t.ID, t.Port) }

func targetKey(group, id string, port int32) string {
	return group + "|" + id + ":" + strconv.Itoa(int(port))
}

// health is the nodes' verdict on a target, as API_TargetHealth puts it.
type health struct {
	State       types.TargetHealthStateEnum
	Reason      types.TargetHealthReasonEnum
	Description string
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// under returns the rows for which keep holds.
func under[Row any](table cloud.Table[Row], tx *cloud.Tx, region string, keep func(*Row) bool) ([]*Row, error) {
	all, err := table.List(tx, region)
	if err != nil {
		return nil, err
	}
	var kept []*Row
	for _, row := range all {
		if keep(row) {
			kept = append(kept, row)
		}
	}
	return kept, nil
}

func listenersOf(tx *cloud.Tx, region, balancer string) ([]*listener, error) {
	return under(listeners, tx, region, func(l *listener) bool { return *l.LoadBalancerArn == balancer })
}

func rulesOf(tx *cloud.Tx, region, listener string) ([]*rule, error) {
	return under(rules, tx, region, func(r *rule) bool { return r.Listener == listener })
}

func targetsOf(tx *cloud.Tx, region, group string) ([]*target, error) {
	return under(targets, tx, region, func(t *target) bool { return t.Group == group })
}
