package wire

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/chunked"
	"haven/lab/wire/internal/fault"
	"haven/lab/wire/sigv4"
)

const exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// chunk is a chunk of the published examples, whose bodies are all letters a.
func chunk(hexSize string, size int, signature string) string {
	return hexSize + ";chunk-signature=" + signature + "\r\n" + strings.Repeat("a", size) + "\r\n"
}

// The example of "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" in the
// Amazon S3 API Reference.
var (
	seedRequest = func() *sigv4.Signature {
		r := httptest.NewRequest("PUT", "/examplebucket/chunkObject.txt", nil)
		r.Host, r.ContentLength = "s3.amazonaws.com", 66824
		for name, value := range map[string]string{
			"x-amz-date": "20130524T000000Z", "x-amz-storage-class": "REDUCED_REDUNDANCY", "Content-Encoding": "aws-chunked",
			"x-amz-content-sha256": signedChunks, "x-amz-decoded-content-length": "66560",
			"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
				"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class," +
				"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		} {
			r.Header.Set(name, value)
		}
		signature, err := sigv4.Parse(r)
		if err != nil || !signature.Verify(r, exampleSecret, signedChunks) {
			panic("the published example does not verify")
		}
		return signature
	}
	signedBody = chunk("10000", 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") +
		chunk("400", 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497") +
		chunk("0", 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")
)

// The example of "Signature Calculations for Trailing Headers" there, from the seed's signature on.
const (
	trailerSeed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
	trailer     = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)

var trailedBody = chunk("10000", 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2") +
	chunk("400", 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7") +
	strings.TrimSuffix(chunk("0", 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"), "\r\n") + trailer

func readChunks(body string, trailed bool, seed string) (string, *chunked.Reader, error) {
	signature := seedRequest()
	signer := &chunkSigner{signature: signature, key: signature.Key(exampleSecret), last: seed}
	reader := chunked.NewReader(iotest.OneByteReader(strings.NewReader(body)), signer, trailed)
	read, err := io.ReadAll(reader)
	return string(read), reader, err
}

func TestPublishedChunks(t *testing.T) {
	read, _, err := readChunks(signedBody, false, seedRequest().Value)
	require.NoError(t, err)
	assert.Len(t, read, 66560)
	read, reader, err := readChunks(trailedBody, true, trailerSeed)
	require.NoError(t, err)
	assert.Len(t, read, 66560)
	assert.Equal(t, "sOO8/Q==", reader.Trailer.Get("x-amz-checksum-crc32c"))
}

func TestBadChunks(t *testing.T) {
	seed := seedRequest().Value
	for name, c := range map[string]struct {
		body string
		want fault.Kind
	}{
		"a byte was changed":        {strings.Replace(signedBody, "aaaa", "aaab", 1), fault.BadSignature},
		"a signature was changed":   {strings.Replace(signedBody, "0055627c", "0055627d", 1), fault.BadSignature},
		"the last chunk's was":      {strings.Replace(signedBody, "b6c6ea8a", "b6c6ea8b", 1), fault.BadSignature},
		"no signature":              {"3\r\nabc\r\n0\r\n\r\n", fault.BadSignature},
		"cut off in a chunk":        {signedBody[:500], fault.Malformed},
		"cut off between chunks":    {signedBody[:len(signedBody)-87], fault.Malformed},
		"no number":                 {"xyz;chunk-signature=1\r\n", fault.Malformed},
		"negative":                  {"-5;chunk-signature=1\r\n", fault.Malformed},
		"huge":                      {"fffffffffffffff;chunk-signature=1\r\n", fault.Malformed},
		"a line without end":        {strings.Repeat("1", 10_000), fault.Malformed},
		"longer than it says":       {strings.Replace(signedBody, "10000;", "ffff;", 1), fault.Malformed},
		"a trailer nobody spoke of": {signedBody[:len(signedBody)-2] + "x-amz-checksum-crc32:AAAA\r\n\r\n", fault.Malformed},
	} {
		_, _, err := readChunks(c.body, false, seed)
		problem, ok := bind.IsProblem(err)
		if name == "cut off between chunks" && errors.Is(err, io.ErrUnexpectedEOF) {
			continue
		}
		require.True(t, ok, "%s: %v", name, err)
		assert.Equal(t, c.want, problem.Kind, name)
	}
	_, _, err := readChunks(strings.Replace(trailedBody, "sOO8/Q==", "AAAAAA==", 1), true, trailerSeed)
	require.ErrorContains(t, err, "signature of the trailer")
}

// FuzzChunks looks for bodies that make the reader fall over or never end.
func FuzzChunks(f *testing.F) {
	f.Add(signedBody[:200], true)
	f.Add("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", true)
	f.Fuzz(func(t *testing.T, body string, trailed bool) {
		read, err := io.ReadAll(chunked.NewReader(strings.NewReader(body), nil, trailed))
		if err == nil && len(read) > len(body) {
			t.Fatal("more came out than went in")
		}
	})
}

func TestVirtualHosts(t *testing.T) {
	for host, want := range map[string]string{
		"bucket.s3.us-east-1.amazonaws.com":          "/bucket/k",
		"bucket.s3.amazonaws.com":                    "/bucket/k",
		"b.u.c.s3.dualstack.eu-west-1.amazonaws.com": "/b.u.c/k",
		"bucket.s3-eu-west-1.amazonaws.com":          "/bucket/k",
		"bucket.localhost":                           "/bucket/k",
		"bucket.s3.localhost":                        "/bucket/k",
		"s3.us-east-1.amazonaws.com":                 "/k",
		"s3.amazonaws.com":                           "/k",
		"s3.localhost":                               "/k",
		"localhost":                                  "/k",
		"127.0.0.1":                                  "/k",
		"ec2.us-east-1.amazonaws.com":                "/k",
	} {
		assert.Equal(t, want, pathStyle(host, "/k"), host)
	}
}
