package wire_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire"
	fakecw "haven/lab/wire/internal/fakes/cloudwatch"
	fakeec2 "haven/lab/wire/internal/fakes/ec2"
	fakeefs "haven/lab/wire/internal/fakes/efs"
	fakeiam "haven/lab/wire/internal/fakes/iam"
	fakekms "haven/lab/wire/internal/fakes/kms"
	fake53 "haven/lab/wire/internal/fakes/route53"
	fakes3 "haven/lab/wire/internal/fakes/s3"
	"haven/lab/wire/internal/handmade"
	"haven/lab/wire/sigv4"
	"haven/lab/wire/wiretest"
)

// newServer serves all fakes, without a network.
func newServer(t testing.TB, options wire.Options) *wire.Server {
	options.Authenticator = wiretest.Operator{}
	options.Models = wiretest.ModelsOf(t, "internal/fakes")
	server, err := wire.NewServer(options, map[string]any{
		"ec2": &fakeec2.Service{}, "iam": &fakeiam.Service{}, "kms": &fakekms.Service{}, "efs": &fakeefs.Service{},
		"route53": &fake53.Service{}, "s3": fakes3.New(), "cloudwatch": &fakecw.Service{},
	})
	require.NoError(t, err)
	return server
}

type raw = handmade.Request

var (
	form    = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	encrypt = map[string]string{"X-Amz-Target": "TrentService.Encrypt", "Content-Type": "application/x-amz-json-1.1"}
	xmlBody = map[string]string{"Content-Md5": "1B2M2Y8AsgTpgAmY7PhCfg=="} // of an empty body
)

func with(headers map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for name, value := range headers {
		all[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

func TestBadRequestsGetTheRightError(t *testing.T) {
	server := newServer(t, wire.Options{MaxBody: 100_000})
	const describe = "Action=DescribeInstances&Version=2016-11-15"
	long := strings.Repeat("x", 200_000)
	for name, c := range map[string]struct {
		request raw
		status  int
		want    string
	}{
		"unsigned form":                {raw{Unsigned: true, Headers: form, Body: describe}, 403, "MissingAuthenticationToken"},
		"unsigned JSON":                {raw{Unsigned: true, Headers: encrypt, Body: "{}"}, 400, "MissingAuthenticationTokenException"},
		"unsigned GET":                 {raw{Unsigned: true, Method: "GET", Target: "/bucket/key"}, 403, "<Code>AccessDenied</Code>"},
		"authorization is junk":        {raw{Unsigned: true, Headers: with(form, "Authorization", "AWS4-HMAC-SHA256 junk")}, 400, "IncompleteSignature"},
		"signed long ago":              {raw{Scope: "iam", Headers: form, At: time.Now().Add(-time.Hour)}, 403, "SignatureDoesNotMatch"},
		"signed long ago, EC2":         {raw{Scope: "ec2", Headers: form, At: time.Now().Add(-time.Hour)}, 400, "RequestExpired"},
		"signed long ago, S3":          {raw{Scope: "s3", Method: "GET", At: time.Now().Add(time.Hour)}, 403, "RequestTimeTooSkewed"},
		"signed long ago, JSON":        {raw{Scope: "kms", Headers: encrypt, At: time.Now().Add(time.Hour)}, 400, "InvalidSignatureException"},
		"unknown region":               {raw{Scope: "iam", Headers: form, Region: "mars-north-1"}, 403, "valid region"},
		"unknown service":              {raw{Scope: "sns", Headers: form, Body: "Action=ListTopics"}, 400, "does not implement the service sns"},
		"unknown REST service":         {raw{Scope: "lambda", Method: "GET", Target: "/2015-03-31/functions"}, 404, "does not implement the service lambda"},
		"too long":                     {raw{Scope: "ec2", Headers: form, Body: long}, 413, "RequestEntityTooLarge"},
		"too long, JSON":               {raw{Scope: "kms", Headers: encrypt, Body: long}, 413, "RequestEntityTooLargeException"},
		"no action":                    {raw{Scope: "ec2", Headers: form}, 400, "MissingAction"},
		"unknown action":               {raw{Scope: "ec2", Headers: form, Body: "Action=MakeCoffee&Version=2016-11-15"}, 400, "InvalidAction"},
		"unknown version":              {raw{Scope: "ec2", Headers: form, Body: "Action=DescribeInstances&Version=1999-01-01"}, 400, "InvalidAction"},
		"not a form":                   {raw{Scope: "ec2", Headers: form, Body: "Action=%zz"}, 400, "MalformedQueryString"},
		"a parameter twice":            {raw{Scope: "ec2", Headers: form, Body: describe + "&MaxResults=1&MaxResults=2"}, 400, "more than once"},
		"unknown parameter":            {raw{Scope: "ec2", Headers: form, Body: describe + "&Colour=red"}, 400, "UnknownParameter"},
		"unknown nested":               {raw{Scope: "ec2", Headers: form, Body: describe + "&Filter.1.Colour=red"}, 400, "Filter.1.Colour"},
		"a list without numbers":       {raw{Scope: "ec2", Headers: form, Body: describe + "&InstanceId.first=i-1"}, 400, "UnknownParameter"},
		"a scalar with parts":          {raw{Scope: "ec2", Headers: form, Body: describe + "&MaxResults.1=1"}, 400, "InvalidParameterValue"},
		"not a number":                 {raw{Scope: "ec2", Headers: form, Body: describe + "&MaxResults=many"}, 400, "InvalidParameterValue"},
		"too deep":                     {raw{Scope: "ec2", Headers: form, Body: describe + "&" + strings.Repeat("A.", 100) + "=1"}, 400, "too deeply"},
		"missing parameter":            {raw{Scope: "ec2", Headers: form, Body: "Action=DeleteVpc&Version=2016-11-15"}, 400, "MissingParameter"},
		"missing, query":               {raw{Scope: "iam", Headers: form, Body: "Action=GetRole&Version=2010-05-08"}, 400, "ValidationError"},
		"too short":                    {raw{Scope: "iam", Headers: form, Body: "Action=GetRole&Version=2010-05-08&RoleName="}, 400, "length greater than or equal to 1"},
		"an odd list":                  {raw{Scope: "iam", Headers: form, Body: "Action=CreateRole&Version=2010-05-08&Tags.element.1.Key=a"}, 400, "Tags.element"},
		"not JSON":                     {raw{Scope: "kms", Headers: encrypt, Body: "{"}, 400, "SerializationException"},
		"more than JSON":               {raw{Scope: "kms", Headers: encrypt, Body: "{} {}"}, 400, "SerializationException"},
		"a JSON list":                  {raw{Scope: "kms", Headers: encrypt, Body: "[]"}, 400, "SerializationException"},
		"deep JSON":                    {raw{Scope: "kms", Headers: encrypt, Body: strings.Repeat(`{"a":`, 15_000)}, 400, "SerializationException"},
		"unknown member":               {raw{Scope: "kms", Headers: encrypt, Body: `{"Colour":1}`}, 400, "ValidationException"},
		"wrong type":                   {raw{Scope: "kms", Headers: encrypt, Body: `{"KeyId":5}`}, 400, "ValidationException"},
		"not base64":                   {raw{Scope: "kms", Headers: encrypt, Body: `{"KeyId":"k","Plaintext":"%"}`}, 400, "ValidationException"},
		"unknown enum":                 {raw{Scope: "kms", Headers: encrypt, Body: `{"KeyId":"k","Plaintext":"AA==","EncryptionAlgorithm":"ROT13"}`}, 400, "ValidationException"},
		"another's target":             {raw{Scope: "kms", Headers: with(encrypt, "X-Amz-Target", "AmazonSSM.GetParameter"), Body: "{}"}, 400, "UnknownOperationException"},
		"unknown JSON operation":       {raw{Scope: "kms", Headers: with(encrypt, "X-Amz-Target", "TrentService.MakeCoffee"), Body: "{}"}, 400, "UnknownOperationException"},
		"unknown route":                {raw{Scope: "elasticfilesystem", Method: "PATCH", Target: "/2015-02-01/x"}, 404, "UnknownOperationException"},
		"route of AWS only":            {raw{Scope: "elasticfilesystem", Method: "GET", Target: "/2015-02-01/mount-targets"}, 404, "does not implement the operation DescribeMountTargets"},
		"unknown query":                {raw{Scope: "elasticfilesystem", Method: "GET", Target: "/2015-02-01/file-systems?colour=red"}, 400, "colour"},
		"XML that is none":             {raw{Scope: "route53", Target: "/2013-04-01/hostedzone/Z/rrset/", Body: "<a"}, 400, "MalformedInput"},
		"XML with a doctype":           {raw{Scope: "route53", Target: "/2013-04-01/hostedzone/Z/rrset/", Body: `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`}, 400, "MalformedInput"},
		"deep XML":                     {raw{Scope: "route53", Target: "/2013-04-01/hostedzone/Z/rrset/", Body: strings.Repeat("<a>", 5000)}, 400, "MalformedInput"},
		"unknown element":              {raw{Scope: "route53", Target: "/2013-04-01/hostedzone/Z/rrset/", Body: "<r><ChangeBatch><Colour/></ChangeBatch></r>"}, 400, "Colour"},
		"CBOR that is none":            {raw{Scope: "monitoring", Target: "/service/x/operation/PutMetricData", Headers: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, Body: "\xff\xff"}, 400, "SerializationException"},
		"CBOR at a wrong path":         {raw{Scope: "monitoring", Target: "/", Headers: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}}, 400, "UnknownOperationException"},
		"S3 without a hash":            {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Headers: map[string]string{"X-Amz-Content-Sha256": "nonsense"}}, 400, "BadDigest"},
		"S3 with a wrong hash":         {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Body: "x", Headers: map[string]string{"X-Amz-Content-Sha256": sigv4.Hash([]byte("y"))}}, 400, "XAmzContentSHA256Mismatch"},
		"S3 chunks of an unknown kind": {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Headers: map[string]string{"X-Amz-Content-Sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}}, 501, "NotImplemented"},
		"S3 chunks that are none":      {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Body: "zz", Headers: map[string]string{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, 400, "aws-chunked"},
		"S3 with an odd trailer":       {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Headers: map[string]string{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer": "x-amz-odd"}}, 501, "x-amz-odd"},
		"S3 with a bad length":         {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Headers: map[string]string{"X-Amz-Decoded-Content-Length": "long"}}, 400, "InvalidArgument"},
		"S3 much too long":             {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Headers: map[string]string{"X-Amz-Decoded-Content-Length": "99999999999"}}, 400, "EntityTooLarge"},
		"S3 without a checksum":        {raw{Scope: "s3", Target: "/b?delete", Body: "<Delete/>"}, 400, "Content-MD5"},
		"S3 with a wrong one":          {raw{Scope: "s3", Target: "/b?delete", Body: "<Delete/>", Headers: xmlBody}, 400, "BadDigest"},
		"S3 unknown header":            {raw{Scope: "s3", Method: "PUT", Target: "/b/k", Headers: map[string]string{"X-Amz-Colour": "red"}}, 501, "x-amz-colour"},
		"S3 unknown subresource":       {raw{Scope: "s3", Method: "GET", Target: "/b?list-type=2&colour"}, 400, "colour"},
		"S3 of AWS only":               {raw{Scope: "s3", Method: "GET", Target: "/b?replication"}, 501, "GetBucketReplication"},
		"S3 unknown method":            {raw{Scope: "s3", Method: "PATCH", Target: "/b"}, 405, "MethodNotAllowed"},
		"not compressed":               {raw{Scope: "monitoring", Headers: with(form, "Content-Encoding", "gzip"), Body: "Action=PutMetricData"}, 400, "compressed"},
	} {
		answer := c.request.Do(t, server)
		assert.Equal(t, c.status, answer.Code, "%s: %s", name, answer.Body)
		assert.Contains(t, answer.Body.String(), c.want, name)
	}
}

func TestEveryAnswerHasARequestID(t *testing.T) {
	server := newServer(t, wire.Options{})
	for _, request := range []raw{
		{Scope: "ec2", Headers: form}, {Scope: "kms", Headers: encrypt, Body: "{}"}, {Scope: "elasticfilesystem", Method: "GET", Target: "/2015-02-01/file-systems"},
	} {
		assert.NotEmpty(t, request.Do(t, server).Header().Get("X-Amzn-Requestid"), request.Scope)
	}
	assert.NotEmpty(t, raw{Scope: "s3", Method: "HEAD", Target: "/b/k"}.Do(t, server).Header().Get("X-Amz-Request-Id"))
}

func TestCompressedBodiesAreRead(t *testing.T) {
	compress := func(n int) string {
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		io.WriteString(writer, "Action=PutMetricData&Version=2010-08-01&Namespace=n&MetricData.member.1.MetricName="+strings.Repeat("m", n))
		require.NoError(t, writer.Close())
		return packed.String()
	}
	server := newServer(t, wire.Options{MaxBody: 100_000})
	request := raw{Scope: "monitoring", Headers: with(form, "Content-Encoding", "gzip"), Body: compress(5)}
	assert.Equal(t, http.StatusOK, request.Do(t, server).Code)
	request.Body = compress(10_000_000)
	assert.Equal(t, http.StatusRequestEntityTooLarge, request.Do(t, server).Code, "what unpacks to more than the limit is too long")
}

func TestJournalTellsEveryCall(t *testing.T) {
	var records []wire.Record
	server := newServer(t, wire.Options{OnCall: func(r wire.Record) { records = append(records, r) }})
	raw{Scope: "ec2", Headers: form, Body: "Action=DescribeInstances&Version=2016-11-15"}.Do(t, server)
	raw{Scope: "ec2", Headers: form, Body: "Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-panic"}.Do(t, server)
	raw{Unsigned: true, Method: "GET"}.Do(t, server)
	require.Len(t, records, 3)
	assert.Equal(t, [5]any{"ec2", "DescribeInstances", "us-east-1", 200, ""}, [5]any{records[0].Service, records[0].Operation, records[0].Region, records[0].Status, records[0].Code})
	assert.Equal(t, "arn:aws:iam::000000000000:root", records[0].Principal)
	assert.Equal(t, [2]any{500, "InternalError"}, [2]any{records[1].Status, records[1].Code})
	assert.Equal(t, [2]any{403, "AccessDenied"}, [2]any{records[2].Status, records[2].Code})
}
