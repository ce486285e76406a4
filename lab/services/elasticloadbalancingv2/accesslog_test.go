package elasticloadbalancingv2_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/balancer"
	lab "haven/lab/services/elasticloadbalancingv2"
)

type bucket struct {
	region, name, key string
	content           []byte
	refuse            error
	to                *bucket // who takes it instead
}

func (b *bucket) PutLog(ctx context.Context, region, name, key string, content []byte) error {
	if b.to != nil {
		return b.to.PutLog(ctx, region, name, key, content)
	}
	if b.refuse != nil {
		return b.refuse
	}
	b.region, b.name, b.key, b.content = region, name, key, content
	return nil
}

func TestAccessLogsReachTheBucketOfABalancerThatHasThemOn(t *testing.T) {
	b := newBench(t, true)
	arn := b.balancer("web").LoadBalancerArn
	group := b.targetGroup("app").TargetGroupArn
	b.listener(arn, group, 80)
	got, tested := &bucket{}, &bucket{}
	b.bucket.to = tested
	var pairs []types.LoadBalancerAttribute
	for key, value := range map[string]string{"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs", "access_logs.s3.prefix": "lb"} {
		pairs = append(pairs, types.LoadBalancerAttribute{Key: aws.String(key), Value: aws.String(value)})
	}
	_, err := b.client.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: arn, Attributes: pairs})
	require.NoError(t, err)
	service := lab.New(b.store, lab.Dependencies{Network: b.network, Realm: b.realm, Bucket: got})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	b.eventually("the node is told to log", func() bool { return b.realm.spec("us-east-1a").Settings.Log })
	node := b.spec("us-east-1a")
	require.Equal(t, "lb/AWSLogs/000000000000/ELBAccessLogTestFile", tested.key)
	service.Access(balancer.Entry{Balancer: *arn, Interface: node, Zone: "us-east-1a", Connection: "c", Time: time.Now(), Begun: time.Now(), Listener: 80, Client: "203.0.113.9:4000", Server: "i-1",
		Group: b.realm.spec("us-east-1a").Groups[0].ID, Target: "10.0.0.5:8080", Rule: "0", Status: 200, Answered: "200", Method: "GET", Authority: "web", Path: "/", Version: "1.1"})
	cancel()
	require.NoError(t, <-done, "what is held is delivered at the end")
	require.Equal(t, "logs", got.name)
	require.Regexp(t, `^lb/AWSLogs/000000000000/elasticloadbalancing/us-east-1/\d{4}/\d\d/\d\d/000000000000_elasticloadbalancing_us-east-1_app\.web\.[0-9a-f]{16}_\d{8}T\d{4}Z_[0-9.]+_[0-9a-f]{8}\.log\.gz$`, got.key)
	unpacked, err := gzip.NewReader(bytes.NewReader(got.content))
	require.NoError(t, err)
	text, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Contains(t, string(text), `203.0.113.9:4000 10.0.0.5:8080`)
	require.Contains(t, string(text), *group)
}
