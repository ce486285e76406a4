package elasticloadbalancingv2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// DescribeListeners lists listeners by their ARNs or by their balancer.
func (s *Service) DescribeListeners(ctx context.Context, in *elasticloadbalancingv2.DescribeListenersInput) (*elasticloadbalancingv2.DescribeListenersOutput, error) {
	if (in.LoadBalancerArn == nil) == (len(in.ListenerArns) == 0) {
		return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
	}
	out := &elasticloadbalancingv2.DescribeListenersOutput{Listeners: []types.Listener{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		for _, arn := range in.ListenerArns {
			if _, err := findListener(tx, region, &arn); err != nil {
				return err
			}
		}
		if in.LoadBalancerArn != nil {
			if _, err := findBalancer(tx, region, in.LoadBalancerArn); err != nil {
				return err
			}
		}
		found, err := under(listeners, tx, region, func(l *listener) bool {
			return contains(in.ListenerArns, l.ListenerArn) || *l.LoadBalancerArn == aws.ToString(in.LoadBalancerArn)
		})
		if err != nil {
			return err
		}
		found, out.NextMarker, err = page(found, func(l *listener) string { return *l.ListenerArn }, in.Marker, in.PageSize)
		for _, l := range found {
			out.Listeners = append(out.Listeners, l.Listener)
		}
		return err
	})
	return out, err
}

// changeListener applies a change to one listener.
func (s *Service) changeListener(ctx context.Context, arn *string, change func(tx *cloud.Tx, region string, l *listener) error) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		l, err := findListener(tx, region, arn)
		if err != nil {
			return err
		}
		if err := change(tx, region, l); err != nil {
			return err
		}
		return listeners.Put(tx, region, *l.ListenerArn, l)
	})
}

// AddListenerCertificates adds certificates that clients choose by server name.
func (s *Service) AddListenerCertificates(ctx context.Context, in *elasticloadbalancingv2.AddListenerCertificatesInput) (*elasticloadbalancingv2.AddListenerCertificatesOutput, error) {
	err := s.changeListener(ctx, in.ListenerArn, func(tx *cloud.Tx, region string, l *listener) error {
		if l.Protocol != types.ProtocolEnumHttps {
			return cloud.Errorf(codeConfig, "Certificates cannot be added to listeners of protocol '%s'", l.Protocol)
		}
		for _, certificate := range in.Certificates {
			if aws.ToBool(certificate.IsDefault) {
				return invalid("The default certificate cannot be added; use ModifyListener")
			}
			if err := s.checkCertificate(tx, region, certificate.CertificateArn); err != nil {
				return err
			}
			if !contains(l.Extra, certificate.CertificateArn) {
				l.Extra = append(l.Extra, *certificate.CertificateArn)
			}
		}
		if len(l.Extra) > maxCertificates {
			return cloud.Errorf("TooManyCertificates", "The limit of %d certificates per listener has been reached", maxCertificates)
		}
		return nil
	})
	return &elasticloadbalancingv2.AddListenerCertificatesOutput{Certificates: in.Certificates}, err
}

// RemoveListenerCertificates removes certificates, but never the default one.
func (s *Service) RemoveListenerCertificates(ctx context.Context, in *elasticloadbalancingv2.RemoveListenerCertificatesInput) (*elasticloadbalancingv2.RemoveListenerCertificatesOutput, error) {
	return &elasticloadbalancingv2.RemoveListenerCertificatesOutput{}, s.changeListener(ctx, in.ListenerArn, func(_ *cloud.Tx, _ string, l *listener) error {
		for _, certificate := range in.Certificates {
			arn := aws.ToString(certificate.CertificateArn)
			if len(l.Certificates) > 0 && aws.ToString(l.Certificates[0].CertificateArn) == arn && !slices.Contains(l.Extra, arn) {
				return cloud.Errorf(codeNotAllowed, "The default certificate '%s' cannot be removed", arn)
			}
			l.Extra = slices.DeleteFunc(l.Extra, func(extra string) bool { return extra == arn })
		}
		return nil
	})
}

// DescribeListenerCertificates lists the default certificate and the added ones.
func (s *Service) DescribeListenerCertificates(ctx context.Context, in *elasticloadbalancingv2.DescribeListenerCertificatesInput) (*elasticloadbalancingv2.DescribeListenerCertificatesOutput, error) {
	out := &elasticloadbalancingv2.DescribeListenerCertificatesOutput{Certificates: []types.Certificate{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		l, err := findListener(tx, region, in.ListenerArn)
		if err != nil {
			return err
		}
		var all []types.Certificate
		for _, certificate := range l.Certificates {
			all = append(all, types.Certificate{CertificateArn: certificate.CertificateArn, IsDefault: aws.Bool(true)})
		}
		for _, arn := range slices.Sorted(slices.Values(l.Extra)) {
			all = append(all, types.Certificate{CertificateArn: aws.String(arn), IsDefault: aws.Bool(false)})
		}
		out.Certificates, out.NextMarker, err = page(all, certificateKey, in.Marker, in.PageSize)
		return err
	})
	return out, err
}

// certificateKey sorts the default certificate first.
func certificateKey(c types.Certificate) string {
	if aws.ToBool(c.IsDefault) {
		return "0"
	}
	return "1" + *c.CertificateArn
}

// DescribeListenerAttributes returns every attribute with its value.
func (s *Service) DescribeListenerAttributes(ctx context.Context, in *elasticloadbalancingv2.DescribeListenerAttributesInput) (*elasticloadbalancingv2.DescribeListenerAttributesOutput, error) {
	out := &elasticloadbalancingv2.DescribeListenerAttributesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		l, err := findListener(tx, region, in.ListenerArn)
		if err == nil {
			out.Attributes = l.describeAttributes()
		}
		return err
	})
	return out, err
}

func (l *listener) describeAttributes() (all []types.ListenerAttribute) {
	listenerAttributes.all(l.Attributes, func(key, value string) {
		all = append(all, types.ListenerAttribute{Key: aws.String(key), Value: aws.String(value)})
	})
	return all
}

// ModifyListenerAttributes sets attributes, all or none.
func (s *Service) ModifyListenerAttributes(ctx context.Context, in *elasticloadbalancingv2.ModifyListenerAttributesInput) (*elasticloadbalancingv2.ModifyListenerAttributesOutput, error) {
	out := &elasticloadbalancingv2.ModifyListenerAttributesOutput{}
	err := s.changeListener(ctx, in.ListenerArn, func(_ *cloud.Tx, _ string, l *listener) error {
		for _, attribute := range in.Attributes {
			if err := listenerAttributes.set(l.Attributes, aws.ToString(attribute.Key), aws.ToString(attribute.Value)); err != nil {
				return err
			}
		}
		out.Attributes = l.describeAttributes()
		return nil
	})
	return out, err
}
