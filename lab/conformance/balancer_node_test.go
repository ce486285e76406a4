package conformance_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

func TestAZonalShiftLeadsTrafficAwayAndBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	client := arczonalshift.NewFromConfig(s.world().Config)
	start := func(zone string) (*arczonalshift.StartZonalShiftOutput, error) {
		return client.StartZonalShift(context.Background(), &arczonalshift.StartZonalShiftInput{
			AwayFrom: &zone, Comment: aws.String("conformance"), ExpiresIn: aws.String("1h"), ResourceIdentifier: &s.ARN})
	}
	_, err := start("use1-az1")
	require.ErrorContains(t, err, "zonal_shift.config.enabled", "the balancer takes no part yet")
	require.NoError(t, balancerAttributes(s.Balancer, "zonal_shift.config.enabled", "true"))
	_, err = start("use1-az3")
	require.ErrorContains(t, err, "not deployed", "the balancer is not in that zone")
	s.leadsTo(t, 30*time.Second, "a", "b")

	made, err := start("use1-az1")
	require.NoError(t, err)
	s.leadsTo(t, 30*time.Second, "b")
	away := strings.TrimSpace(s.world().MustShell(t, s.ids[0], "hostname"))
	world.Wait(t, "the zone's server to get no requests", 30*time.Second, func() error {
		if counts := shares(t, s.nodes[1], 10); counts[away] > 0 {
			return fmt.Errorf("it got %d of 10", counts[away])
		}
		return nil
	})
	_, err = client.CancelZonalShift(context.Background(), &arczonalshift.CancelZonalShiftInput{ZonalShiftId: made.ZonalShiftId})
	require.NoError(t, err)
	s.leadsTo(t, 30*time.Second, "a", "b")
	world.Wait(t, "the zone's server to get requests again", 30*time.Second, func() error {
		if counts := shares(t, s.nodes[1], 10); counts[away] == 0 {
			return fmt.Errorf("it got none of 10")
		}
		return nil
	})
}

func TestALostNodeLeavesDNSOnceHealthChecksFindOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, "e", "f") // no other test uses these zones: the fault is a zone's
	s.leadsTo(t, 30*time.Second, "e", "f")
	lost, other := s.nodes[0], s.nodes[1]
	require.Equal(t, world.Zone("e"), lost.Zone)
	fault, err := s.world().Control.Break(context.Background(), faults.Request{Kind: faults.BalancerNode, Target: world.Zone("e")})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = s.world().Control.Heal(context.Background(), fault.ID) })
	client := world.Client(lost)
	client.Timeout = 2 * time.Second
	world.Wait(t, "the node to be silent", 30*time.Second, func() error {
		response, err := client.Get("http://site.test/")
		if err == nil {
			_ = response.Body.Close()
			return fmt.Errorf("it answers %d", response.StatusCode)
		}
		return nil
	})
	require.Len(t, s.resolved(t), 2, "nobody has found out yet")
	require.Equal(t, 200, mustAsk(t, other, "/").status)
	s.leadsTo(t, 40*time.Second+noise, "f")
	_, err = s.world().Control.Heal(context.Background(), fault.ID)
	require.NoError(t, err)
	world.Wait(t, "the node to serve again", time.Minute, func() error {
		response, err := client.Get("http://site.test/")
		if err == nil {
			err = response.Body.Close()
		}
		return err
	})
}

// deliveryPolicy lets the balancers' service write to a bucket.
func deliveryPolicy(bucket string) *string {
	return aws.String(fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
		"Action": "s3:PutObject", "Resource": "arn:aws:s3:::%s/*"}]}`, bucket))
}

func TestAccessAndConnectionLogsReachTheBucket(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	ctx := context.Background()
	objects := s3.NewFromConfig(s.world().Config, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := fmt.Sprintf("logs-%d", time.Now().UnixNano())
	_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	on := []string{"access_logs.s3.enabled", "true", "access_logs.s3.bucket", bucket, "access_logs.s3.prefix", "lb",
		"connection_logs.s3.enabled", "true", "connection_logs.s3.bucket", bucket, "connection_logs.s3.prefix", "lb"}
	require.ErrorContains(t, balancerAttributes(s.Balancer, on...), "Access Denied for bucket", "nothing lets the balancers' service write there")
	_, err = objects.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: deliveryPolicy(bucket)})
	require.NoError(t, err)
	require.NoError(t, balancerAttributes(s.Balancer, on...))
	_, err = objects.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("lb/AWSLogs/" + world.Account + "/ELBAccessLogTestFile")})
	require.NoError(t, err)

	for range 8 { // the first ones may come before the nodes log
		time.Sleep(time.Second)
		require.Equal(t, 200, mustAsk(t, s.nodes[0], "/?a=%22b%22", func(r *http.Request) { r.Header.Set("User-Agent", `say "hi"`) }).status)
		require.Equal(t, 502, mustAsk(t, s.nodes[0], "/close").status)
	}
	time.Sleep(time.Second)
	require.NoError(t, balancerAttributes(s.Balancer, "access_logs.s3.enabled", "false", "connection_logs.s3.enabled", "false"))
	id := strings.ReplaceAll(s.ARN[strings.Index(s.ARN, "app/"):], "/", ".")
	folder := fmt.Sprintf("lb/AWSLogs/%s/elasticloadbalancing/%s/%s/", world.Account, world.Region, time.Now().UTC().Format("2006/01/02"))
	access := s.log(t, objects, bucket, folder+world.Account+"_elasticloadbalancing_"+world.Region+"_"+id)
	require.Regexp(t, `(?m)^http \S+Z app/\S+ [\d.]+:\d+ [\d.]+:80 \d\.\d{3} \d\.\d{3} 0\.000 200 200 \d+ \d+ "GET http://site\.test:80/\?a=%22b%22 HTTP/1\.1" "say \\x22hi\\x22" - - arn:aws:elasticloadbalancing:\S+ "Root=1-\S+" "-" "-" 0 \S+Z "forward" "-" "-" "[\d.]+:80" "200" "-" "-" TID_[0-9a-f]{32} "-" "-" "-"$`, access)
	require.Regexp(t, `(?m)^http \S+Z app/\S+ [\d.]+:\d+ [\d.]+:80 -1 -1 -1 502 - \d+ \d+ "GET http://site\.test:80/close HTTP/1\.1" `, access)
	connections := s.log(t, objects, bucket, folder+"conn_log."+world.Account+"_elasticloadbalancing_"+world.Region+"_"+id)
	require.Regexp(t, `(?m)^\S+Z [\d.]+ \d+ 80 - - - "-" - - Success TID_[0-9a-f]{32}$`, connections)
}

// log waits for log files and returns what is in them.
func (s *site) log(t *testing.T, objects *s3.Client, bucket, prefix string) string {
	t.Helper()
	var text strings.Builder
	world.Wait(t, "log files "+prefix, time.Minute, func() error {
		found, err := objects.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
		if err == nil && len(found.Contents) == 0 {
			err = fmt.Errorf("there is none")
		}
		if err != nil {
			return err
		}
		text.Reset()
		for _, object := range found.Contents {
			content, err := objects.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: object.Key})
			if err != nil {
				return err
			}
			packed, err := io.ReadAll(content.Body)
			if err != nil {
				return err
			}
			unpacked, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				return err
			}
			if _, err := io.Copy(&text, unpacked); err != nil {
				return err
			}
		}
		return nil
	})
	return text.String()
}

func TestRequestsAreMeasured(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	const requests = 40
	begun := time.Now()
	for range requests {
		require.Equal(t, 200, mustAsk(t, s.nodes[0], "/slow/50").status)
	}
	require.Equal(t, 502, mustAsk(t, s.nodes[0], "/close").status)
	client := cloudwatch.NewFromConfig(s.world().Config)
	lb := cwtypes.Dimension{Name: aws.String("LoadBalancer"), Value: aws.String(s.ARN[strings.Index(s.ARN, "app/"):])}
	tg := cwtypes.Dimension{Name: aws.String("TargetGroup"), Value: aws.String(s.Group[strings.Index(s.Group, "targetgroup/"):])}
	query := func(id, name, statistic string, dimensions ...cwtypes.Dimension) cwtypes.MetricDataQuery {
		return cwtypes.MetricDataQuery{Id: &id, MetricStat: &cwtypes.MetricStat{Period: aws.Int32(3600), Stat: &statistic,
			Metric: &cwtypes.Metric{Namespace: aws.String("AWS/ApplicationELB"), MetricName: &name, Dimensions: dimensions}}}
	}
	world.Wait(t, "the requests to be measured", time.Minute, func() error {
		out, err := client.GetMetricData(context.Background(), &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(begun.Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)), MetricDataQueries: []cwtypes.MetricDataQuery{
				query("requests", "RequestCount", "Sum", lb), query("ok", "HTTPCode_Target_2XX_Count", "Sum", tg, lb), query("bad", "HTTPCode_ELB_502_Count", "Sum", lb),
				query("median", "TargetResponseTime", "p50", tg, lb), query("healthy", "HealthyHostCount", "Maximum", tg, lb),
			}})
		if err != nil {
			return err
		}
		values := map[string]float64{}
		for _, result := range out.MetricDataResults {
			for _, value := range result.Values {
				if *result.Id == "median" || *result.Id == "healthy" {
					values[*result.Id] = max(values[*result.Id], value)
				} else {
					values[*result.Id] += value // an hour may have ended meanwhile
				}
			}
		}
		if values["requests"] < requests+1 || values["ok"] < requests || values["bad"] < 1 || values["healthy"] != 2 {
			return fmt.Errorf("measured %v", values)
		}
		require.Equal(t, requests+1.0, values["requests"])
		require.InDelta(t, 0.05, values["median"], 0.04)
		require.GreaterOrEqual(t, values["median"], 0.049)
		return nil
	})
}
