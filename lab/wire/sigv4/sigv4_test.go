package sigv4_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/sigv4"
)

const (
	emptyHash   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	s3Secret    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	otherSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// request makes a request as a server sees it.
func request(method, target, host string, headers map[string]string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return r
}

// TestPublishedExamples verifies the examples in AWS's documents: "Signature Calculations for the Authorization Header"
// and "Authenticating Requests: Using Query Parameters" of the Amazon S3 API Reference, and "Create a signed AWS API
// request" of the IAM User Guide.
func TestPublishedExamples(t *testing.T) {
	const s3Scope = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
	for name, c := range map[string]struct {
		request         *http.Request
		secret, payload string
	}{
		"S3 GET object": {request("GET", "/test.txt", "examplebucket.s3.amazonaws.com", map[string]string{
			"Range": "bytes=0-9", "x-amz-content-sha256": emptyHash, "x-amz-date": "20130524T000000Z",
			"Authorization": "AWS4-HMAC-SHA256 " + s3Scope + ",SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
				"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		}), s3Secret, emptyHash},
		"S3 PUT object": {request("PUT", "/test%24file.text", "examplebucket.s3.amazonaws.com", map[string]string{
			"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-date": "20130524T000000Z", "x-amz-storage-class": "REDUCED_REDUNDANCY",
			"x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization": "AWS4-HMAC-SHA256 " + s3Scope + ",SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class," +
				"Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		}), s3Secret, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
		"S3 GET lifecycle": {request("GET", "/?lifecycle", "examplebucket.s3.amazonaws.com", map[string]string{
			"x-amz-content-sha256": emptyHash, "x-amz-date": "20130524T000000Z",
			"Authorization": "AWS4-HMAC-SHA256 " + s3Scope + ",SignedHeaders=host;x-amz-content-sha256;x-amz-date," +
				"Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		}), s3Secret, emptyHash},
		"S3 presigned": {request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"+
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"+
			"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "examplebucket.s3.amazonaws.com", nil),
			s3Secret, "UNSIGNED-PAYLOAD"},
		"IAM ListUsers": {request("GET", "/?Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com", map[string]string{
			"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "x-amz-date": "20150830T123600Z",
			"Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, " +
				"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		}), otherSecret, emptyHash},
	} {
		signature, err := sigv4.Parse(c.request)
		require.NoError(t, err, name)
		assert.True(t, signature.Verify(c.request, c.secret, c.payload), name)
		assert.False(t, signature.Verify(c.request, c.secret+"x", c.payload), name)
	}
}

// TestSDKSignatures verifies what Amazon's own signer makes of awkward requests.
func TestSDKSignatures(t *testing.T) {
	for _, service := range []string{"s3", "ec2"} {
		for _, target := range []string{
			"/", "/a%20b", "/a%2Fb", "/%C3%BC", "/a+b", "/a//b", "/x/../y", "/a:b@c,d;e=f", "/?a=1&a=0&A=2&a-b=3&a=", "/?x", "/?q=a%20b%2Bc&e=%C3%BC", "/a/?z=1&y=2",
		} {
			r := request("POST", target, "host.example:4566", map[string]string{"X-Odd": "  a   b  ", "Content-Type": "text/plain"})
			r.RequestURI = ""
			signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
			credentials := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "token"}
			require.NoError(t, signer.SignHTTP(context.Background(), credentials, r, emptyHash, service, "eu-west-1", time.Now()))
			r.RequestURI = target
			signature, err := sigv4.Parse(r)
			require.NoError(t, err)
			assert.Equal(t, "AKID", signature.AccessKeyID)
			assert.Equal(t, "token", signature.Token)
			assert.Equal(t, "eu-west-1", signature.Region)
			if service == "ec2" && (strings.Contains(target, "//") || strings.Contains(target, "..")) {
				continue // the SDK's signer does not tidy paths, AWS does
			}
			assert.True(t, signature.Verify(r, "secret", emptyHash), "%s %s", service, target)

			r.Header.Set("X-Odd", "other")
			assert.False(t, signature.Verify(r, "secret", emptyHash), "a header was changed: %s %s", service, target)
		}
	}
}

func TestMalformedSignatures(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	parse := func(authorization, date string) error {
		_, err := sigv4.Parse(request("GET", "/", "h", map[string]string{"Authorization": authorization, "X-Amz-Date": date}))
		return err
	}
	require.NoError(t, parse(good, "20260102T000000Z"))
	for _, bad := range []string{
		"Basic abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", strings.Replace(good, "/ec2", "", 1), strings.Replace(good, "AKID", "", 1),
		strings.Replace(good, "host;", "", 1), strings.Replace(good, "Signature=00", "", 1), strings.Replace(good, "us-east-1", "", 1),
		strings.Replace(good, "AWS4-HMAC", "AWS4-ECDSA-P256", 1),
	} {
		require.ErrorIs(t, parse(bad, "20260102T000000Z"), sigv4.ErrMalformed, bad)
	}
	for _, date := range []string{"", "yesterday", "20260103T000000Z"} {
		require.ErrorIs(t, parse(good, date), sigv4.ErrMalformed, date)
	}
	require.ErrorIs(t, parse("", ""), sigv4.ErrMissing)
	for _, query := range []string{
		"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=a/b/c/d/aws4_request",
		"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20260102/c/d/aws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Date=20260102T000000Z&X-Amz-Expires=604801",
	} {
		_, err := sigv4.Parse(request("GET", "/?"+query, "h", nil))
		require.ErrorIs(t, err, sigv4.ErrMalformed, query)
	}
}

func TestFreshness(t *testing.T) {
	signed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	header := sigv4.Signature{Time: signed}
	presigned := sigv4.Signature{Time: signed, Presigned: true, Expires: time.Hour}
	for after, want := range map[time.Duration][2]bool{
		0: {true, true}, 14 * time.Minute: {true, true}, 16 * time.Minute: {false, true}, -16 * time.Minute: {false, false}, 61 * time.Minute: {false, false},
	} {
		assert.Equal(t, want, [2]bool{header.Fresh(signed.Add(after)), presigned.Fresh(signed.Add(after))}, after)
	}
}

// FuzzParse looks for headers and queries that make the parser or the verification fall over.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "X-Amz-Credential=a&%zz&=&b")
	f.Fuzz(func(t *testing.T, authorization, query string) {
		r := request("GET", "/", "h", map[string]string{"Authorization": authorization, "X-Amz-Date": "20260102T000000Z"})
		r.URL.RawQuery, r.RequestURI = query, "/%%/../a?"+query
		if signature, err := sigv4.Parse(r); err == nil {
			signature.Verify(r, "secret", emptyHash)
		}
	})
}
