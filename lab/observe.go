package lab

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
	"haven/lab/services/cloudwatch"
	"haven/lab/services/sns"
	"haven/lab/timeline"
)

// newTopics makes SNS: its mail is in a folder of the lab's, its endpoints are on loopback or in the lab's networks.
func newTopics(l *lab, measures *cloudwatch.Service) *sns.Service {
	return sns.New(l.store, filepath.Join(l.config.Dir, mailFolder), l.log, sns.WithEndpoint(l.endpoint()), sns.WithDial(l.dialEndpoint),
		sns.WithRoots(l.endpointRoots()), sns.WithMetrics(measures), sns.WithFailures(func(f sns.Failure) {
			l.timeline.Add(timeline.Event{
				Region: f.Region, Source: "sns", Subject: f.Topic, Severity: timeline.Warning,
				Text: fmt.Sprintf("gave up a message to %s %s: %s", f.Protocol, f.Endpoint, f.Reason),
			})
		}))
}

// endpointRoots are whose certificates HTTPS endpoints may have: the host's authorities, and the lab's own.
func (l *lab) endpointRoots() *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(l.authority.CertificatePEM())
	return roots
}

// dialEndpoint connects to an endpoint on loopback, or to a public address of the lab from its world outside.
func (l *lab) dialEndpoint(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		for _, found := range l.names.Lookup(dns.Asker{}, host, dns.TypeA) {
			host = found
			break
		}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsLoopback() || l.realm == nil || !sns.InLab(ip) {
		return sns.DialLoopback(ctx, network, net.JoinHostPort(host, port))
	}
	outside := l.realm.network.Internet()
	if outside == nil {
		return nil, fmt.Errorf("connecting to %s: the lab's network is not up", address)
	}
	return outside.DialContext(ctx, network, net.JoinHostPort(host, port))
}

// joinAlarms has alarms act: on topics, on scaling policies and on instances.
func (s *services) joinAlarms() {
	s.metrics.OnAction("sns", func(ctx context.Context, a cloudwatch.Action) error {
		return s.topics.PublishMessage(ctx, a.Region, a.ActionARN, a.Subject, string(a.Message))
	})
	s.metrics.OnAction("ec2", s.actOnInstance)
}

// actOnInstance does what an alarm's arn:aws:automate:REGION:ec2:… says with the instance of its metric.
func (s *services) actOnInstance(ctx context.Context, a cloudwatch.Action) (err error) {
	id := a.Dimensions["InstanceId"]
	if id == "" {
		return fmt.Errorf("the alarm's metric has no dimension InstanceId")
	}
	ctx = cloud.WithCall(ctx, &cloud.Call{ID: cloud.NewUUID(), Service: "ec2", Region: a.Region, Principal: cloud.Principal{ARN: "events.amazonaws.com"}})
	switch verb := a.ActionARN[strings.LastIndexByte(a.ActionARN, ':')+1:]; verb {
	case "stop":
		_, err = s.ec2.StopInstances(ctx, &awsec2.StopInstancesInput{InstanceIds: []string{id}})
	case "terminate":
		_, err = s.ec2.TerminateInstances(ctx, &awsec2.TerminateInstancesInput{InstanceIds: []string{id}})
	case "reboot":
		_, err = s.ec2.RebootInstances(ctx, &awsec2.RebootInstancesInput{InstanceIds: []string{id}})
	default:
		err = fmt.Errorf("there is no action %q on instances", verb)
	}
	return err
}
