// Package chunked reads bodies in the aws-chunked encoding, in which S3's clients send what they sign as they go
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html) and checksums that come after the body
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html):
//
//	400;chunk-signature=ad80c7…
//	<1024 bytes>
//	0;chunk-signature=b6c6ea…
//	x-amz-checksum-crc32c:sOO8/Q==
//	x-amz-trailer-signature:63bddb…
package chunked

import (
	"bufio"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"haven/lab/wire/internal/fault"
)

// Limits of what a well-made body has.
const (
	maxLine     = 4096
	maxTrailers = 16
	maxChunk    = 1 << 32
)

// Signer checks the signatures of chunks; each covers the one before.
type Signer interface {
	// Chunk checks the signature of a chunk by the hash of its bytes.
	Chunk(sha256 string, signature string) bool
	// Trailer checks the signature of the trailing headers, each as "name:value\n".
	Trailer(text string, signature string) bool
	// Hash returns a new hash for a chunk.
	Hash() hash.Hash
}

// Reader reads the bytes that chunks carry.
type Reader struct {
	from    *bufio.Reader
	signer  Signer // nil: the chunks are not signed
	trailed bool   // whether headers come after the last chunk

	left      int64 // of the chunk
	sum       hash.Hash
	signature string
	begun     bool
	err       error
	// Trailer has the headers that came after the body, once that was read to its end.
	Trailer http.Header
}

// NewReader returns a reader; without a signer the chunks must not be signed.
func NewReader(from io.Reader, signer Signer, trailed bool) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, maxLine), signer: signer, trailed: trailed, Trailer: http.Header{}}
}

// Read reads the body. A body that is not well made, or not signed well, ends in an error.
func (r *Reader) Read(into []byte) (int, error) {
	for r.err == nil && r.left == 0 {
		r.err = r.next()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.from.Read(into[:min(int64(len(into)), r.left)])
	r.left -= int64(n)
	if r.sum != nil {
		r.sum.Write(into[:n])
	}
	if err == io.EOF {
		err = malformed("it ends within a chunk")
	}
	if err != nil {
		r.err = err
	}
	return n, err
}

func malformed(why string) error {
	return &fault.Problem{Kind: fault.Malformed, Message: "The aws-chunked body is malformed: " + why + "."}
}

// next ends the chunk and begins the following one; at the end of the body it returns io.EOF.
func (r *Reader) next() error {
	if r.begun {
		if line, err := r.line(); err != nil || line != "" {
			return malformed("a chunk is longer than it says")
		}
		if err := r.check(); err != nil {
			return err
		}
	}
	r.begun = true
	line, err := r.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if r.left, err = strconv.ParseInt(size, 16, 64); err != nil || r.left < 0 || r.left > maxChunk {
		return malformed("a chunk's size is no number")
	}
	r.signature, _ = strings.CutPrefix(extension, "chunk-signature=")
	if r.signer != nil {
		r.sum = r.signer.Hash()
	}
	if r.left > 0 {
		return nil
	}
	return r.end()
}

// check compares the signature of the chunk that was read.
func (r *Reader) check() error {
	if r.signer == nil || r.signer.Chunk(fmt.Sprintf("%x", r.sum.Sum(nil)), r.signature) {
		return nil
	}
	return fault.Newf(fault.BadSignature, "The signature of a chunk does not match the one that was calculated.")
}

// end reads what comes after the last chunk.
func (r *Reader) end() error {
	if err := r.check(); err != nil {
		return err
	}
	var signed strings.Builder
	for range maxTrailers {
		line, err := r.line()
		if line == "" && (err == nil || err == io.EOF) {
			return r.checkTrailer(signed.String())
		}
		name, value, ok := strings.Cut(line, ":")
		if err != nil || !ok || !r.trailed {
			return malformed("what comes after the last chunk is no trailer")
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		r.Trailer.Set(name, value)
		if name != "x-amz-trailer-signature" {
			signed.WriteString(name + ":" + value + "\n")
		}
	}
	return malformed("there are too many trailers")
}

func (r *Reader) checkTrailer(text string) error {
	if r.trailed && r.signer != nil && !r.signer.Trailer(text, r.Trailer.Get("X-Amz-Trailer-Signature")) {
		return fault.Newf(fault.BadSignature, "The signature of the trailer does not match the one that was calculated.")
	}
	return io.EOF
}

// line reads a line without its end.
func (r *Reader) line() (string, error) {
	line, err := r.from.ReadSlice('\n')
	if err == io.EOF && len(line) == 0 {
		return "", io.EOF
	}
	if err != nil {
		return "", malformed("a line is too long, or the body ends within one")
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}
