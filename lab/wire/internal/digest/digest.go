// Package digest checks bodies against the checksums that came with them: Content-MD5 and the headers x-amz-checksum-*
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
package digest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"haven/lab/cloud"
	"haven/lab/wire/internal/fault"
)

// nvme is the polynomial of CRC-64/NVME, its bits reversed as hash/crc64 has it.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	prefix     = "x-amz-checksum-"
	signedHash = "x-amz-content-sha256"
)

var algorithms = map[string]func() hash.Hash{
	"content-md5":        md5.New,
	prefix + "crc32":     func() hash.Hash { return crc32.NewIEEE() },
	prefix + "crc32c":    func() hash.Hash { return crc32.New(castagnoli) },
	prefix + "crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	prefix + "sha1":      sha1.New,
	prefix + "sha256":    sha256.New,
}

// Names returns the headers that are checksums.
func Names() []string { return slices.Sorted(maps.Keys(algorithms)) }

// Reader passes a body through and fails at its end when a checksum does not fit.
type Reader struct {
	from  io.ReadCloser
	sums  []sum
	later func() http.Header // trailers, known at the end
	err   error
}

type sum struct {
	name   string
	want   []byte
	hash   hash.Hash
	inBody bool // the wanted value comes in a trailer
}

// NewReader checks the checksums in the headers.
func NewReader(from io.ReadCloser) *Reader { return &Reader{from: from} }

// ExpectHeaders adds the checksums that headers have.
func (r *Reader) ExpectHeaders(header http.Header) error {
	for _, name := range Names() {
		value := header.Get(name)
		if value == "" {
			continue
		}
		want, err := base64.StdEncoding.DecodeString(value)
		hash := algorithms[name]()
		if err != nil || len(want) != hash.Size() {
			return invalid(name)
		}
		r.sums = append(r.sums, sum{name: name, want: want, hash: hash})
	}
	return nil
}

func invalid(name string) error {
	return fault.Newf(fault.DigestMismatch, "Value for %s header is invalid.", name)
}

// ExpectTrailer adds a checksum that comes after the body.
func (r *Reader) ExpectTrailer(names string, later func() http.Header) error {
	r.later = later
	for name := range strings.SplitSeq(names, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if algorithms[name] == nil {
			return fault.Newf(fault.UnimplementedParameter, "The lab does not know the trailer %s.", name)
		}
		r.sums = append(r.sums, sum{name: name, hash: algorithms[name](), inBody: true})
	}
	return nil
}

// ExpectSHA256 adds the hash that the signature covers, in hexadecimal digits.
func (r *Reader) ExpectSHA256(text string) error {
	want, err := hex.DecodeString(text)
	if err != nil || len(want) != sha256.Size {
		return fault.Newf(fault.DigestMismatch, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- value or a SHA-256 in hexadecimal digits.")
	}
	r.sums = append(r.sums, sum{name: signedHash, want: want, hash: sha256.New()})
	return nil
}

// Read reads the body.
func (r *Reader) Read(into []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.from.Read(into)
	for _, sum := range r.sums {
		sum.hash.Write(into[:n])
	}
	if err == io.EOF {
		err = r.check()
	}
	r.err = err
	return n, err
}

// check compares; io.EOF says that all is well.
func (r *Reader) check() error {
	for _, sum := range r.sums {
		want := sum.want
		if sum.inBody {
			decoded, err := base64.StdEncoding.DecodeString(r.later().Get(sum.name))
			if err != nil || len(decoded) == 0 {
				return invalid(sum.name)
			}
			want = decoded
		}
		if bytes.Equal(sum.hash.Sum(nil), want) {
			continue
		}
		if sum.name == signedHash {
			return cloud.Errorf("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
		return fault.Newf(fault.DigestMismatch, "The %s you specified did not match what we received.", sum.name)
	}
	return io.EOF
}

// Close closes the body.
func (r *Reader) Close() error { return r.from.Close() }
