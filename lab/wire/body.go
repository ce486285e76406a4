package wire

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"haven/lab/cloud"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/chunked"
	"haven/lab/wire/internal/digest"
	"haven/lab/wire/internal/fault"
	"haven/lab/wire/sigv4"
)

// What S3's clients put in place of the body's hash.
const (
	unsignedPayload   = "UNSIGNED-PAYLOAD"
	signedChunks      = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	trailerSuffix     = "-TRAILER"
	unsignedChunks    = "STREAMING-UNSIGNED-PAYLOAD" + trailerSuffix
	maxStream         = 5 << 30 // of one PUT: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
	contentSHA256     = "X-Amz-Content-Sha256"
	decodedLength     = "X-Amz-Decoded-Content-Length"
	aPayloadIsMissing = "Missing required header for this request: x-amz-content-sha256"
)

// payloadHash returns the hash of the body that should have been signed. S3's bodies are not read for it: the client
// says the hash, and the body is checked as it comes.
func (x *exchange) payloadHash() (string, error) {
	if x.isS3() {
		return x.declaredHash()
	}
	if err := x.readWhole(x.request.Request.Body); err != nil {
		return "", err
	}
	return sigv4.Hash(x.request.Body), nil
}

func (x *exchange) declaredHash() (string, error) {
	if declared := x.request.Header.Get(contentSHA256); declared != "" {
		return declared, nil
	}
	if x.signature == nil || x.signature.Presigned {
		return unsignedPayload, nil
	}
	return "", cloud.Errorf("InvalidRequest", aPayloadIsMissing)
}

// read makes S3's body ready: whole, or as a stream that is checked as it is read. Others' are there already.
func (x *exchange) read() error {
	if !x.isS3() {
		return nil
	}
	stream, err := x.open()
	if err != nil {
		return err
	}
	if x.operation.streams {
		x.request.Stream = stream
		return nil
	}
	return x.readWhole(stream)
}

// readWhole reads a body that is not a stream.
func (x *exchange) readWhole(from io.ReadCloser) error {
	limit := x.server.options.MaxBody
	if x.request.ContentLength > limit {
		return tooLarge(limit)
	}
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	if _, ok := bind.IsProblem(err); ok {
		return err
	}
	if cloudErr, ok := err.(*cloud.Error); ok {
		return cloudErr
	}
	if err != nil {
		return fault.Newf(fault.Malformed, "The body could not be read whole.")
	}
	if int64(len(body)) > limit {
		return tooLarge(limit)
	}
	x.request.Body = body
	return nil
}

func tooLarge(limit int64) error {
	return fault.Newf(fault.TooLarge, "The request's body is longer than the %d bytes that are allowed.", limit)
}

// inflate unpacks a body that the client compressed, as CloudWatch's do.
func (x *exchange) inflate() error {
	if x.isS3() || x.request.Header.Get("Content-Encoding") != "gzip" {
		return nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(x.request.Body))
	if err != nil {
		return fault.Newf(fault.Malformed, "The body is not compressed as its header says.")
	}
	x.request.ContentLength = -1
	return x.readWhole(unpacked)
}

// open returns S3's body, without its chunks and checked against all that the request says of it.
func (x *exchange) open() (*digest.Reader, error) {
	size := x.request.ContentLength
	if text := x.request.Header.Get(decodedLength); text != "" {
		var err error
		if size, err = strconv.ParseInt(text, 10, 64); err != nil || size < 0 {
			return nil, fault.Newf(fault.InvalidValue, "The header %s is not a number.", decodedLength)
		}
	}
	if size > maxStream {
		return nil, fault.Newf(fault.TooLarge, "Your proposed upload exceeds the maximum allowed size of %d bytes.", int64(maxStream))
	}
	declared, err := x.declaredHash()
	if err != nil {
		return nil, err
	}
	body := x.request.Request.Body
	if !strings.HasPrefix(declared, "STREAMING-") {
		reader := digest.NewReader(body)
		if declared != unsignedPayload {
			if err := reader.ExpectSHA256(declared); err != nil {
				return nil, err
			}
		}
		return reader, x.expect(reader)
	}
	return x.openChunks(declared, body)
}

func (x *exchange) openChunks(declared string, body io.ReadCloser) (*digest.Reader, error) {
	var signer chunked.Signer
	switch declared {
	case signedChunks, signedChunks + trailerSuffix:
		if x.signature == nil {
			return nil, fault.Newf(fault.MissingSignature, "Access Denied: the body's chunks are signed, and the request is not.")
		}
		signer = &chunkSigner{signature: x.signature, key: x.signature.Key(x.secret), last: x.signature.Value}
	case unsignedChunks:
	default:
		return nil, fault.Newf(fault.UnimplementedParameter, "The lab does not implement bodies of the kind %s.", declared)
	}
	chunks := chunked.NewReader(body, signer, strings.HasSuffix(declared, trailerSuffix))
	reader := digest.NewReader(struct {
		io.Reader
		io.Closer
	}{chunks, body})
	if names := x.request.Header.Get("X-Amz-Trailer"); names != "" {
		if err := reader.ExpectTrailer(names, func() http.Header { return chunks.Trailer }); err != nil {
			return nil, err
		}
	}
	return reader, x.expect(reader)
}

// expect adds the checksums in headers. Where the model knows of none, such headers speak of something else: of the
// whole object, when a multipart upload is completed.
func (x *exchange) expect(reader *digest.Reader) error {
	trait := x.operation.HTTPChecksum
	if trait == nil {
		return nil
	}
	header := x.request.Header
	if trait.RequestChecksumRequired && header.Get("X-Amz-Trailer") == "" &&
		!slices.ContainsFunc(digest.Names(), func(name string) bool { return header.Get(name) != "" }) {
		return cloud.Errorf("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return reader.ExpectHeaders(header)
}

// chunkSigner checks the signatures of chunks, of which each covers the one before.
type chunkSigner struct {
	signature *sigv4.Signature
	key       []byte
	last      string
}

// Hash returns a new SHA-256.
func (c *chunkSigner) Hash() hash.Hash { return sha256.New() }

// Chunk checks a chunk's signature.
func (c *chunkSigner) Chunk(sum, signature string) bool {
	return c.check("AWS4-HMAC-SHA256-PAYLOAD", sigv4.Hash(nil)+"\n"+sum, signature)
}

// Trailer checks the trailer's signature.
func (c *chunkSigner) Trailer(text, signature string) bool {
	return c.check("AWS4-HMAC-SHA256-TRAILER", sigv4.Hash([]byte(text)), signature)
}

func (c *chunkSigner) check(kind, text, signature string) bool {
	want := sigv4.Sign(c.key, strings.Join([]string{kind, c.signature.HeaderTime(), c.signature.Scope(), c.last, text}, "\n"))
	c.last = signature
	return sigv4.Equal(want, signature)
}
