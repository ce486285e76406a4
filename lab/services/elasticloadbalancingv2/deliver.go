package elasticloadbalancingv2

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// flush delivers what is held, when it is due or always; what can't be delivered is lost, as AWS delivers on a
// best-effort basis.
func (s *Service) flush(ctx context.Context, always bool) error {
	held, until := s.logs.take(s.now(), always)
	if s.deps.Bucket == nil {
		return nil
	}
	var errs []error
	for key, log := range held {
		if err := s.deliver(ctx, key, log, until); err != nil {
			errs = append(errs, fmt.Errorf("delivering %s of node %s: %w", strings.ReplaceAll(string(key.kind), "_", " "), key.interfaces, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) deliver(ctx context.Context, key logKey, log *heldLog, until time.Time) error {
	region := strings.Split(key.balancer, ":")[3]
	var b *loadBalancer
	var names *logNames
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		if b, err = loadBalancers.Get(tx, region, key.balancer); err != nil || b == nil {
			return err
		}
		names, err = s.logNames(tx, region, b)
		return err
	})
	if err != nil || b == nil || b.Attributes[key.kind.bucket()] == "" {
		return err
	}
	var file bytes.Buffer
	packed := gzip.NewWriter(&file)
	for _, entry := range log.entries {
		line := entry.ConnectionLine()
		if key.kind == accessLog {
			line = entry.AccessLine(names.of(entry))
		}
		fmt.Fprintln(packed, line)
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if log.dropped > 0 {
		s.deps.Log.Warn("log entries were dropped: more came than a node holds", "log", key.kind, "interface", key.interfaces, "dropped", log.dropped)
	}
	return s.deps.Bucket.PutLog(ctx, region, b.Attributes[key.kind.bucket()], b.logKey(key.kind, region, key.interfaces, until), file.Bytes())
}

// logNames are what the access logs of a balancer call things by.
type logNames struct {
	balancer, host string
	groups         map[string]string            // ARNs, by their last part
	certificates   map[int][]presentable        // by listener port; the first is the default
	chosen         map[chosenKey]balancer.Names // what was found already
}

type chosenKey struct {
	port int
	name string
}

// presentable is a certificate that a listener may present.
type presentable struct {
	arn  string
	leaf *x509.Certificate
}

func (s *Service) logNames(tx *cloud.Tx, region string, b *loadBalancer) (*logNames, error) {
	names := &logNames{balancer: b.suffix(), host: b.DNSName, groups: map[string]string{}, certificates: map[int][]presentable{}, chosen: map[chosenKey]balancer.Names{}}
	attached, err := listenersOf(tx, region, b.ARN)
	if err != nil {
		return nil, err
	}
	for _, l := range attached {
		if len(l.Certificates) == 0 {
			continue
		}
		for _, arn := range append([]string{aws.ToString(l.Certificates[0].CertificateArn)}, l.Extra...) {
			names.certificates[int(*l.Port)] = append(names.certificates[int(*l.Port)], presentable{arn, s.leaf(tx, region, arn)})
		}
	}
	all, err := targetGroups.List(tx, region)
	for _, g := range all {
		names.groups[g.id()] = *g.TargetGroupArn
	}
	return names, err
}

// leaf returns a certificate, or nil when it can't be read any more.
func (s *Service) leaf(tx *cloud.Tx, region, arn string) *x509.Certificate {
	if s.deps.Certificates == nil {
		return nil
	}
	text, _, _, err := s.deps.Certificates.Certificate(tx, region, arn)
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf
}

func (n *logNames) of(entry balancer.Entry) balancer.Names {
	key := chosenKey{entry.Listener, entry.SNI}
	names, ok := n.chosen[key]
	if !ok {
		names.Certificate, names.Known = choose(n.certificates[entry.Listener], entry.SNI)
		n.chosen[key] = names
	}
	names.Balancer, names.Host, names.Group = n.balancer, n.host, n.groups[entry.Group]
	return names
}

// choose picks the certificate that a listener presents for a server name: the one that is valid for it, or the default.
func choose(certificates []presentable, name string) (arn string, known bool) {
	for _, c := range certificates {
		if name != "" && c.leaf != nil && c.leaf.VerifyHostname(name) == nil {
			return c.arn, true
		}
	}
	if len(certificates) == 0 {
		return "", false
	}
	return certificates[0].arn, false
}

// logKey is the object's name as AWS forms it.
func (b *loadBalancer) logKey(kind logKind, region, id string, until time.Time) string {
	address := ""
	for _, node := range b.Nodes {
		if node.Interface == id {
			address = node.Private
			if node.Public != "" {
				address = node.Public
			}
		}
	}
	file := fmt.Sprintf("%s_elasticloadbalancing_%s_%s_%s_%s_%s.log.gz", cloud.Account, region, strings.ReplaceAll(b.suffix(), "/", "."),
		until.UTC().Format("20060102T1504Z"), address, cloud.RandomHex(8))
	if kind == connectionLog {
		file = "conn_log." + file
	}
	return path.Join(b.Attributes[kind.prefix()], "AWSLogs", cloud.Account, "elasticloadbalancing", region, until.UTC().Format("2006/01/02"), file)
}

// testFiles are what a balancer writes to see whether it may, when logs are switched on.
var testFiles = map[logKind]string{accessLog: "ELBAccessLogTestFile", connectionLog: "ELBConnectionLogTestFile"}

// tryLogs writes the test files of the logs that a call switches on or moves; a bucket that does not take them is
// refused. It happens outside of the call's transaction, as the bucket has one of its own.
func (s *Service) tryLogs(ctx context.Context, in *elasticloadbalancingv2.ModifyLoadBalancerAttributesInput) error {
	if s.deps.Bucket == nil {
		return nil
	}
	var before, after loadBalancer
	region := cloud.RegionOf(ctx)
	err := s.store.View(func(tx *cloud.Tx) error {
		b, err := findBalancer(tx, region, in.LoadBalancerArn)
		if err != nil {
			return err
		}
		before, after = *b, *b
		after.Attributes = map[string]string{}
		for key, value := range before.Attributes {
			after.Attributes[key] = value
		}
		return after.setAttributes(in.Attributes)
	})
	if err != nil {
		return err
	}
	for _, kind := range logKinds {
		if !balancerAttributes.flag(after.Attributes, kind.enabled()) || sameLog(kind, &before, &after) {
			continue
		}
		bucket := after.Attributes[kind.bucket()]
		key := path.Join(after.Attributes[kind.prefix()], "AWSLogs", cloud.Account, testFiles[kind])
		text := fmt.Sprintf("Enable %s for ELB: %s at %s", strings.TrimSuffix(strings.TrimPrefix(testFiles[kind], "ELB"), "TestFile"), after.Name, s.now().UTC().Format(time.RFC3339))
		if err := s.deps.Bucket.PutLog(ctx, region, bucket, key, []byte(text)); err != nil {
			return cloud.Errorf(codeConfig, "Access Denied for bucket: %s. Please check S3bucket permission: %s", bucket, errorMessage(err))
		}
	}
	return nil
}

func sameLog(kind logKind, a, b *loadBalancer) bool {
	for _, key := range []string{kind.enabled(), kind.bucket(), kind.prefix()} {
		if a.Attributes[key] != b.Attributes[key] {
			return false
		}
	}
	return true
}
