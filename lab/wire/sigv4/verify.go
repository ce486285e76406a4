package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
)

// Key derives the key that signs under the signature's scope.
func (s *Signature) Key(secret string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.Day, s.Region, s.Service, "aws4_request"} {
		key = sign(key, part)
	}
	return key
}

// Verify tells whether the request was signed with the secret. The payload's hash is what the signer put there:
// SHA-256 of the body in hexadecimal digits, or one of S3's words for bodies that are not hashed.
func (s *Signature) Verify(r *http.Request, secret, payloadHash string) bool {
	key := s.Key(secret)
	return slices.ContainsFunc(s.canonicalPaths(r), func(path string) bool {
		return s.matches(key, s.toSign(Hash([]byte(s.canonicalRequest(r, path, payloadHash)))))
	})
}

func (s *Signature) toSign(requestHash string) string {
	return algorithm + "\n" + s.Time.Format(timeLayout) + "\n" + s.Scope() + "\n" + requestHash
}

// matches tells whether the signature is that of a text.
func (s *Signature) matches(key []byte, text string) bool {
	given, err := hex.DecodeString(s.Value)
	return err == nil && hmac.Equal(given, sign(key, text))
}

// Hash returns the SHA-256 of some bytes in hexadecimal digits.
func Hash(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Sign returns the signature of a text in hexadecimal digits.
func Sign(key []byte, text string) string { return hex.EncodeToString(sign(key, text)) }

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// HeaderTime returns the signature's time as its header writes it.
func (s *Signature) HeaderTime() string { return s.Time.Format(timeLayout) }

// Equal compares two signatures in hexadecimal digits without telling by its time where they differ.
func Equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
