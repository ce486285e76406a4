package document_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/internal/document"
)

func TestParseJSON(t *testing.T) {
	for _, good := range []string{"", " ", "{}", `{"a":[1,null,{"b":"c"}]}`} {
		_, err := document.ParseJSON([]byte(good))
		require.NoError(t, err, good)
	}
	for _, bad := range []string{"[]", "1", `"a"`, "{", "{} x", `{"a":}`, strings.Repeat(`{"a":`, 20_000)} {
		_, err := document.ParseJSON([]byte(bad))
		require.Error(t, err, bad[:min(len(bad), 20)])
	}
}

// FuzzString checks that every text is written so that JSON's own parser reads it back, as far as JSON can hold it.
func FuzzString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\u2028\x00ü\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var read string
		require.NoError(t, json.Unmarshal(document.AppendString(nil, text), &read))
		if utf8.ValidString(text) {
			assert.Equal(t, text, read)
		}
	})
}
