package elasticloadbalancingv2

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// specs returns the nodes of every balancer of every region. A balancer that can't be described is left out and its
// error joined: the others must not stop for it.
func (s *Service) specs(tx *cloud.Tx) (all []balancer.Spec, failures []error, err error) {
	for _, region := range cloud.Regions() {
		balancers, err := loadBalancers.List(tx, region.Name)
		if err != nil {
			return nil, nil, err
		}
		for _, b := range balancers {
			nodes, err := s.balancerSpecs(tx, region.Name, b)
			if err != nil {
				failures = append(failures, fmt.Errorf("describing the nodes of %s: %w", b.ARN, err))
				continue
			}
			all = append(all, nodes...)
		}
	}
	return all, failures, nil
}

func (s *Service) balancerSpecs(tx *cloud.Tx, region string, b *loadBalancer) ([]balancer.Spec, error) {
	attached, err := listenersOf(tx, region, b.ARN)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(attached, func(x, y *listener) int { return cmp.Compare(*x.Port, *y.Port) })
	var parts []balancer.Listener
	used := map[string]bool{}
	for _, l := range attached {
		part, err := s.listenerSpec(tx, region, l, used)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	groups, err := s.groupSpecs(tx, region, b, used)
	if err != nil {
		return nil, err
	}
	away, err := s.awayFrom(tx, region, b)
	if err != nil {
		return nil, err
	}
	shift(groups, away)
	var specs []balancer.Spec
	for _, node := range b.Nodes {
		lost, hung := s.faults.of(region, b, node.Zone)
		address, err := netip.ParseAddr(node.Private)
		if err != nil {
			return nil, fmt.Errorf("reading the address of %s: %w", node.Interface, err)
		}
		specs = append(specs, balancer.Spec{
			Interface: node.Interface, Balancer: b.ARN, Zone: node.Zone, Address: address,
			Settings: b.settings(), Listeners: parts, Groups: groups, Lost: lost, Hung: hung,
		})
	}
	s.logs.follow(b)
	return specs, nil
}

// shift leads requests away from a zone's targets: "When a zonal shift is initiated on an Application Load Balancer with
// cross-zone load balancing enabled, all traffic to targets is blocked in the Availability Zone that is being impacted,
// and zonal IP addresses are removed from DNS"
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/zonal-shift.html). With cross-zone load balancing
// off, DNS alone does it.
func shift(groups []balancer.Group, away string) {
	for i := range groups {
		for j := range groups[i].Targets {
			groups[i].Targets[j].Shifted = away != "" && groups[i].CrossZone && groups[i].Targets[j].Zone == away
		}
	}
}

func (b *loadBalancer) settings() balancer.Settings {
	flag := func(key string) bool { return balancerAttributes.flag(b.Attributes, key) }
	return balancer.Settings{
		IdleTimeout: time.Duration(balancerAttributes.number(b.Attributes, "idle_timeout.timeout_seconds")) * time.Second,
		HTTP2:       flag("routing.http2.enabled"), DropInvalidHeaders: flag("routing.http.drop_invalid_header_fields.enabled"),
		ForwardedFor:  balancerAttributes.value(b.Attributes, "routing.http.xff_header_processing.mode"),
		ForwardedPort: flag("routing.http.xff_client_port.enabled"), TLSHeaders: flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
		KeepHost:       flag("routing.http.preserve_host_header.enabled"),
		ConnectionLife: time.Duration(balancerAttributes.number(b.Attributes, "client_keep_alive.seconds")) * time.Second,
		Log:            flag("access_logs.s3.enabled") || flag("connection_logs.s3.enabled"),
	}
}

func (s *Service) listenerSpec(tx *cloud.Tx, region string, l *listener, used map[string]bool) (balancer.Listener, error) {
	part := balancer.Listener{
		ARN: *l.ListenerArn, Port: int(*l.Port), ResponseHeaders: map[string]string{},
		HideServer: !listenerAttributes.flag(l.Attributes, serverHeader),
	}
	for key, name := range responseHeaders {
		if value := l.Attributes[key]; value != "" {
			part.ResponseHeaders[name] = value
		}
	}
	if l.Protocol == types.ProtocolEnumHttps {
		secure, err := s.tlsSpec(tx, region, l)
		if err != nil {
			return part, err
		}
		part.TLS = secure
	}
	attached, err := rulesOf(tx, region, *l.ListenerArn)
	if err != nil {
		return part, err
	}
	slices.SortFunc(attached, func(x, y *rule) int { return cmp.Compare(x.Number, y.Number) })
	for _, r := range attached {
		part.Rules = append(part.Rules, ruleSpec(int(r.Number), r.Conditions, r.Actions, used))
	}
	part.Rules = append(part.Rules, ruleSpec(0, nil, l.DefaultActions, used))
	return part, nil
}

func (s *Service) tlsSpec(tx *cloud.Tx, region string, l *listener) (*balancer.TLS, error) {
	secure := &balancer.TLS{Policy: aws.ToString(l.SslPolicy)}
	for _, arn := range append([]string{aws.ToString(l.Certificates[0].CertificateArn)}, l.Extra...) {
		leaf, chain, key, err := s.deps.Certificates.Certificate(tx, region, arn)
		if err != nil {
			return nil, err
		}
		secure.Certificates = append(secure.Certificates, balancer.Certificate{ARN: arn, PEM: joinPEM(leaf, chain, key)})
	}
	return secure, nil
}

func joinPEM(parts ...[]byte) []byte {
	var all []byte
	for _, part := range parts {
		all = append(all, part...)
		if len(part) > 0 && part[len(part)-1] != '\n' {
			all = append(all, '\n')
		}
	}
	return all
}

func ruleSpec(priority int, conditions []types.RuleCondition, actions []types.Action, used map[string]bool) balancer.Rule {
	part := balancer.Rule{Priority: priority}
	for _, c := range conditions {
		part.Conditions = append(part.Conditions, conditionSpec(c))
	}
	action := actions[len(actions)-1]
	switch action.Type {
	case types.ActionTypeEnumRedirect:
		r := action.RedirectConfig
		part.Action.Redirect = &balancer.Redirect{Protocol: *r.Protocol, Host: *r.Host, Port: *r.Port, Path: *r.Path, Query: *r.Query, Status: redirectStatus(r.StatusCode)}
	case types.ActionTypeEnumFixedResponse:
		f := action.FixedResponseConfig
		status, _ := strconv.Atoi(*f.StatusCode) // checked when it was set
		part.Action.Fixed = &balancer.FixedResponse{Status: status, ContentType: *f.ContentType, Body: aws.ToString(f.MessageBody)}
	default:
		part.Action.Forward = forwardSpec(action.ForwardConfig, used)
	}
	return part
}

func redirectStatus(code types.RedirectActionStatusCodeEnum) int {
	if code == types.RedirectActionStatusCodeEnumHttp301 {
		return 301
	}
	return 302
}

func forwardSpec(config *types.ForwardActionConfig, used map[string]bool) *balancer.Forward {
	forward := &balancer.Forward{}
	for _, tuple := range config.TargetGroups {
		used[*tuple.TargetGroupArn] = true
		forward.Groups = append(forward.Groups, balancer.WeightedGroup{Group: lastPart(*tuple.TargetGroupArn), Weight: int(*tuple.Weight)})
	}
	if sticky := config.TargetGroupStickinessConfig; sticky != nil && aws.ToBool(sticky.Enabled) {
		forward.Sticky = time.Duration(*sticky.DurationSeconds) * time.Second
	}
	return forward
}

func conditionSpec(c types.RuleCondition) balancer.Condition {
	condition := balancer.Condition{Field: *c.Field, Values: c.Values}
	switch {
	case c.HttpHeaderConfig != nil:
		condition.Header, condition.Values = *c.HttpHeaderConfig.HttpHeaderName, c.HttpHeaderConfig.Values
	case c.HttpRequestMethodConfig != nil:
		condition.Values = c.HttpRequestMethodConfig.Values
	case c.SourceIpConfig != nil:
		condition.Values = c.SourceIpConfig.Values
	case c.QueryStringConfig != nil:
		for _, pair := range c.QueryStringConfig.Values {
			condition.Query = append(condition.Query, balancer.KeyValue{Key: aws.ToString(pair.Key), Value: aws.ToString(pair.Value)})
		}
	}
	return condition
}
