package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// tokens issues session tokens that carry their own end, signed: an instance that asks for many costs no memory.
type tokens struct{ key [32]byte }

func newTokens() *tokens {
	t := &tokens{}
	_, _ = rand.Read(t.key[:]) // never fails
	return t
}

func (t *tokens) issue(ttl time.Duration) string {
	var text [16]byte
	binary.BigEndian.PutUint64(text[:8], uint64(time.Now().Add(ttl).UnixNano()))
	_, _ = rand.Read(text[8:])
	return base64.URLEncoding.EncodeToString(append(text[:], t.sign(text[:])...))
}

func (t *tokens) sign(text []byte) []byte {
	mac := hmac.New(sha256.New, t.key[:])
	mac.Write(text)
	return mac.Sum(nil)
}

// left is how long a token is still good for; zero or less: not at all.
func (t *tokens) left(token string) time.Duration {
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) != 16+sha256.Size || !hmac.Equal(raw[16:], t.sign(raw[:16])) {
		return 0
	}
	return time.Until(time.Unix(0, int64(binary.BigEndian.Uint64(raw[:8]))))
}
