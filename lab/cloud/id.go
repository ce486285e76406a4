package cloud

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// NewID returns a random identifier in EC2's long form: the prefix, a dash and 17 hexadecimal digits.
func NewID(prefix string) string { return prefix + "-" + RandomHex(17) }

// RandomHex returns n random hexadecimal digits.
func RandomHex(n int) string {
	raw := make([]byte, (n+1)/2)
	rand.Read(raw) // never fails, by its contract
	return hex.EncodeToString(raw)[:n]
}

// NewUUID returns a random UUID (version 4), as request ids, KMS keys and secret versions use.
func NewUUID() string {
	var raw [16]byte
	rand.Read(raw[:])
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}
