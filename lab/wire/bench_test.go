package wire_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/wire"
	fakecw "haven/lab/wire/internal/fakes/cloudwatch"
	fakeec2 "haven/lab/wire/internal/fakes/ec2"
	fakeefs "haven/lab/wire/internal/fakes/efs"
	fakeiam "haven/lab/wire/internal/fakes/iam"
	fakekms "haven/lab/wire/internal/fakes/kms"
	fake53 "haven/lab/wire/internal/fakes/route53"
	fakes3 "haven/lab/wire/internal/fakes/s3"
	"haven/lab/wire/wiretest"
)

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
	bytes  int64
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { d.bytes += int64(len(p)); return len(p), nil }

// BenchmarkProtocols measures whole calls, without a network: the signature, the request's and the response's form. The
// rate is of bytes in and out.
func BenchmarkProtocols(b *testing.B) {
	instances := make([]ec2types.Instance, 100)
	for i := range instances {
		instances[i] = instance(i)
	}
	objects := fakes3.New()
	for i := range 100 {
		objects.Objects[fmt.Sprintf("key-%03d", i)] = nil
	}
	server, err := wire.NewServer(wire.Options{Authenticator: wiretest.Operator{}, Models: wiretest.ModelsOf(b, "internal/fakes")}, map[string]any{
		"ec2": &fakeec2.Service{Instances: instances}, "iam": &fakeiam.Service{}, "kms": &fakekms.Service{}, "efs": &fakeefs.Service{},
		"route53": &fake53.Service{}, "s3": objects, "cloudwatch": &fakecw.Service{},
	})
	require.NoError(b, err)
	tags := ""
	for i := range 50 {
		tags += fmt.Sprintf("&Tags.member.%d.Key=key%d&Tags.member.%d.Value=value%d", i+1, i, i+1, i)
	}
	changes := strings.Repeat("<Change><Action>UPSERT</Action><ResourceRecordSet><Name>www.haven.test</Name><Type>A</Type><TTL>60</TTL>"+
		"<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>", 50)
	for name, request := range map[string]raw{
		"ec2query-describe-100-instances": {Scope: "ec2", Headers: form, Body: "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1"},
		"query-50-tags":                   {Scope: "iam", Headers: form, Body: "Action=CreateRole&Version=2010-05-08&RoleName=web&AssumeRolePolicyDocument=%7B%7D" + tags},
		"json-4-KiB":                      {Scope: "kms", Headers: encrypt, Body: `{"KeyId":"k-1","Plaintext":"` + strings.Repeat("AAAA", 1024) + `"}`},
		"rest-json-file-system":           {Scope: "elasticfilesystem", Target: "/2015-02-01/file-systems", Body: `{"CreationToken":"t","Tags":[{"Key":"a","Value":"b"}]}`},
		"rest-xml-50-records":             {Scope: "route53", Target: "/2013-04-01/hostedzone/Z/rrset/", Body: "<r><ChangeBatch><Changes>" + changes + "</Changes></ChangeBatch></r>"},
		"s3-list-100-keys":                {Scope: "s3", Method: "GET", Target: "/b?list-type=2"},
		"s3-put-1-MiB":                    {Scope: "s3", Method: "PUT", Target: "/b/k", Body: strings.Repeat("x", 1<<20)},
		"rpc-v2-cbor":                     {Scope: "monitoring", Target: "/service/x/operation/PutMetricData", Headers: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, Body: "\xa2iNamespaceanjMetricData\x80"},
	} {
		b.Run(name, func(b *testing.B) { measure(b, server, request) })
	}
}

func measure(b *testing.B, server http.Handler, request raw) {
	signed := request.Sign(b)
	var answer *discard
	b.ReportAllocs()
	for b.Loop() {
		again := signed.Clone(signed.Context())
		again.Body = io.NopCloser(strings.NewReader(request.Body))
		answer = &discard{header: http.Header{}, status: http.StatusOK}
		server.ServeHTTP(answer, again)
	}
	if answer.status != http.StatusOK && answer.status != http.StatusCreated {
		recorder := httptest.NewRecorder()
		signed.Body = io.NopCloser(strings.NewReader(request.Body))
		server.ServeHTTP(recorder, signed)
		b.Fatalf("%d: %s", answer.status, recorder.Body)
	}
	b.SetBytes(answer.bytes + int64(len(request.Body)))
}

func instance(i int) ec2types.Instance {
	return ec2types.Instance{
		InstanceId: aws.String(fmt.Sprintf("i-%017d", i)), ImageId: aws.String("ami-0a1b2c3d4e5f60718"), InstanceType: ec2types.InstanceTypeT3Micro,
		LaunchTime: aws.Time(time.Unix(1767322400, 0)), PrivateIpAddress: aws.String("10.0.0.1"), SubnetId: aws.String("subnet-1"), VpcId: aws.String("vpc-1"),
		State:     &ec2types.InstanceState{Code: aws.Int32(16), Name: ec2types.InstanceStateNameRunning},
		Placement: &ec2types.Placement{AvailabilityZone: aws.String("us-east-1a"), Tenancy: ec2types.TenancyDefault},
		Tags:      []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("web")}, {Key: aws.String("haven:zone"), Value: aws.String("a")}},
		NetworkInterfaces: []ec2types.InstanceNetworkInterface{{
			NetworkInterfaceId: aws.String("eni-1"), PrivateIpAddress: aws.String("10.0.0.1"), Status: ec2types.NetworkInterfaceStatusInUse,
			Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1"), GroupName: aws.String("web")}},
		}},
		SecurityGroups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1"), GroupName: aws.String("web")}},
	}
}
