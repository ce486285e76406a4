package elasticloadbalancingv2

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// CreateListener makes a listener on a balancer; creating the same one again returns it.
func (s *Service) CreateListener(ctx context.Context, in *elasticloadbalancingv2.CreateListenerInput) (*elasticloadbalancingv2.CreateListenerOutput, error) {
	if len(in.AlpnPolicy) > 0 {
		return nil, unsupported("AlpnPolicy, which is for network load balancers")
	}
	if err := checkMutual(in.MutualAuthentication); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	l := &listener{Attributes: map[string]string{}, Tags: tags, Listener: types.Listener{
		LoadBalancerArn: in.LoadBalancerArn, Port: in.Port, Protocol: in.Protocol, SslPolicy: in.SslPolicy,
		Certificates: in.Certificates, DefaultActions: in.DefaultActions,
	}}
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		l, err = s.createListener(tx, region, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.CreateListenerOutput{Listeners: []types.Listener{l.Listener}}, nil
}

func checkMutual(wanted *types.MutualAuthenticationAttributes) error {
	if wanted == nil || wanted.Mode == nil || *wanted.Mode == "off" {
		return nil
	}
	return unsupported("mutual TLS (MutualAuthentication '%s')", *wanted.Mode)
}

func (s *Service) createListener(tx *cloud.Tx, region string, l *listener) (*listener, error) {
	b, err := findBalancer(tx, region, l.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkListener(tx, region, b, l); err != nil {
		return nil, err
	}
	siblings, err := listenersOf(tx, region, b.ARN)
	if err != nil {
		return nil, err
	}
	for _, other := range siblings {
		if *other.Port == *l.Port {
			return other, sameListener(other, l)
		}
	}
	if len(siblings) >= maxListeners {
		return nil, cloud.Errorf("TooManyListeners", "The limit of %d listeners per load balancer has been reached", maxListeners)
	}
	id := cloud.RandomHex(16)
	l.ListenerArn = aws.String(strings.Replace(b.ARN, ":loadbalancer/", ":listener/", 1) + "/" + id)
	l.DefaultRule = ruleARN(*l.ListenerArn)
	return l, listeners.Put(tx, region, *l.ListenerArn, l)
}

func ruleARN(listener string) string {
	return strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + cloud.RandomHex(16)
}

func sameListener(existing, wanted *listener) error {
	if existing.Protocol == wanted.Protocol && aws.ToString(existing.SslPolicy) == aws.ToString(wanted.SslPolicy) && sameActions(existing.DefaultActions, wanted.DefaultActions) {
		return nil
	}
	return cloud.Errorf("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", *wanted.LoadBalancerArn)
}

// checkListener checks the listener as a whole and fills in its defaults.
func (s *Service) checkListener(tx *cloud.Tx, region string, b *loadBalancer, l *listener) error {
	var err error
	switch {
	case l.Protocol == "":
		return invalid("A protocol must be specified")
	case l.Protocol != types.ProtocolEnumHttp && l.Protocol != types.ProtocolEnumHttps:
		return cloud.Errorf("UnsupportedProtocol", "The protocol '%s' is not supported by application load balancers", l.Protocol)
	case l.Port == nil || *l.Port < 1 || *l.Port > 65535:
		return invalid("A port in the range 1-65535 must be specified")
	}
	if l.DefaultActions, err = checkActions(tx, region, b, l.DefaultActions); err != nil {
		return err
	}
	if l.Protocol == types.ProtocolEnumHttp {
		if len(l.Certificates) > 0 || aws.ToString(l.SslPolicy) != "" {
			return cloud.Errorf(codeConfig, "Certificates and security policies cannot be specified for HTTP listeners")
		}
		l.SslPolicy = nil
		return nil
	}
	return s.checkSecure(tx, region, l)
}

func (s *Service) checkSecure(tx *cloud.Tx, region string, l *listener) error {
	if aws.ToString(l.SslPolicy) == "" {
		l.SslPolicy = aws.String(balancer.DefaultPolicy)
	}
	if _, ok := balancer.FindPolicy(*l.SslPolicy); !ok {
		return cloud.Errorf("SSLPolicyNotFound", "SSL policy '%s' not found", *l.SslPolicy)
	}
	if len(l.Certificates) != 1 {
		return invalid("A certificate must be specified for HTTPS listeners, and only one: the default certificate")
	}
	if err := s.checkCertificate(tx, region, l.Certificates[0].CertificateArn); err != nil {
		return err
	}
	l.Certificates = []types.Certificate{{CertificateArn: l.Certificates[0].CertificateArn}}
	l.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("off")}
	return nil
}

func (s *Service) checkCertificate(tx *cloud.Tx, region string, arn *string) error {
	if s.deps.Certificates == nil {
		return cloud.Errorf("CertificateNotFound", "Certificate '%s' not found", aws.ToString(arn))
	}
	_, _, _, err := s.deps.Certificates.Certificate(tx, region, aws.ToString(arn))
	switch {
	case err == nil:
		return nil
	case cloud.HasCode(err, "UnsupportedCertificate"):
		return err
	default:
		return cloud.Errorf("CertificateNotFound", "Certificate '%s' not found", aws.ToString(arn))
	}
}

// DeleteListener deletes a listener with its rules.
func (s *Service) DeleteListener(ctx context.Context, in *elasticloadbalancingv2.DeleteListenerInput) (*elasticloadbalancingv2.DeleteListenerOutput, error) {
	return &elasticloadbalancingv2.DeleteListenerOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		l, err := findListener(tx, region, in.ListenerArn)
		if err != nil {
			return err
		}
		return deleteListener(tx, region, l)
	})
}

func deleteListener(tx *cloud.Tx, region string, l *listener) error {
	attached, err := rulesOf(tx, region, *l.ListenerArn)
	if err != nil {
		return err
	}
	for _, r := range attached {
		if err := rules.Delete(tx, region, *r.RuleArn); err != nil {
			return err
		}
	}
	return listeners.Delete(tx, region, *l.ListenerArn)
}

// ModifyListener replaces what is given.
func (s *Service) ModifyListener(ctx context.Context, in *elasticloadbalancingv2.ModifyListenerInput) (*elasticloadbalancingv2.ModifyListenerOutput, error) {
	if len(in.AlpnPolicy) > 0 {
		return nil, unsupported("AlpnPolicy, which is for network load balancers")
	}
	if err := checkMutual(in.MutualAuthentication); err != nil {
		return nil, err
	}
	out := &elasticloadbalancingv2.ModifyListenerOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		l, err := findListener(tx, region, in.ListenerArn)
		if err != nil {
			return err
		}
		mergeListener(l, in)
		b, err := findBalancer(tx, region, l.LoadBalancerArn)
		if err != nil {
			return err
		}
		if err := s.checkListener(tx, region, b, l); err != nil {
			return err
		}
		if err := portIsFree(tx, region, l); err != nil {
			return err
		}
		out.Listeners = []types.Listener{l.Listener}
		return listeners.Put(tx, region, *l.ListenerArn, l)
	})
}

func mergeListener(l *listener, in *elasticloadbalancingv2.ModifyListenerInput) {
	if in.Protocol != "" && in.Protocol != l.Protocol {
		l.Protocol = in.Protocol
		if l.Protocol == types.ProtocolEnumHttp { // what belongs to TLS goes with it
			l.Certificates, l.SslPolicy, l.Extra, l.MutualAuthentication = nil, nil, nil, nil
		}
	}
	if in.Port != nil {
		l.Port = in.Port
	}
	if in.SslPolicy != nil {
		l.SslPolicy = in.SslPolicy
	}
	if len(in.Certificates) > 0 {
		l.Certificates = in.Certificates
	}
	if len(in.DefaultActions) > 0 {
		l.DefaultActions = in.DefaultActions
	}
}

func portIsFree(tx *cloud.Tx, region string, l *listener) error {
	siblings, err := listenersOf(tx, region, *l.LoadBalancerArn)
	if err != nil {
		return err
	}
	for _, other := range siblings {
		if *other.Port == *l.Port && *other.ListenerArn != *l.ListenerArn {
			return cloud.Errorf("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", *l.LoadBalancerArn)
		}
	}
	return nil
}
