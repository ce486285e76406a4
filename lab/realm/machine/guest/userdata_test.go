package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

const mimeText = "Content-Type: multipart/mixed; boundary=\"B\"\nMIME-Version: 1.0\n\n--B\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n#!/bin/sh\necho one\n--B\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho two\n--B--\n"

func TestFormsOfUserData(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"none":          {nil, nil},
		"blank":         {[]byte(" \n"), nil},
		"script":        {[]byte("#!/bin/sh\n"), []string{"#!/bin/sh\n"}},
		"packed script": {packed(t, "#!/bin/sh\n"), []string{"#!/bin/sh\n"}},
		"parts":         {[]byte(mimeText), []string{"#!/bin/sh\necho one", "#!/bin/sh\necho two"}},
		"packed parts":  {packed(t, mimeText), []string{"#!/bin/sh\necho one", "#!/bin/sh\necho two"}},
	} {
		got, err := scripts(c.data)
		require.NoError(t, err, name)
		require.Len(t, got, len(c.want), name)
		for i := range c.want {
			require.Equal(t, c.want[i], string(got[i]), name)
		}
	}
}

func TestFormsOfUserDataThatAreRefused(t *testing.T) {
	for text, why := range map[string]string{
		"#cloud-config\n": "#cloud-config", "#include\nhttp://x": "#include", "plain text": "unhandled",
		"\x1f\x8bgarbage": "unpacking",
		strings.Replace(mimeText, "text/x-shellscript", "text/cloud-config", 1): "text/cloud-config",
		"Content-Type: text/plain\n\nx":                                         "not multipart",
		string(packed(t, strings.Repeat("x", maxUserData+1))):                   "larger than",
	} {
		_, err := scripts([]byte(text))
		require.ErrorContains(t, err, why)
	}
}

func FuzzScripts(f *testing.F) {
	f.Add([]byte(mimeText))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = scripts(data) })
}

func TestTheJournalKeepsTheEnd(t *testing.T) {
	j := newJournal(io.Discard)
	for i := range 2 * journalSize / 1000 {
		j.say("unit", "%d %s", i, strings.Repeat("x", 1000))
	}
	require.Less(t, j.size, journalSize)
	last := j.tail("unit", 1)
	require.True(t, strings.HasPrefix(last[0].text, fmt.Sprint(2*journalSize/1000-1)))
	require.Empty(t, j.tail("other", -1))
}

func TestTheJournalIsFollowed(t *testing.T) {
	j := newJournal(io.Discard)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got := make(chan string, 10)
	go j.follow(ctx, "b", func(l line) { got <- l.text })
	require.Eventually(t, func() bool { // until the follower follows
		j.say("a", "other")
		j.say("b", "mine")
		return len(got) > 0
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, "mine", <-got)
}

func TestLongLinesAreCut(t *testing.T) {
	j := newJournal(io.Discard)
	w, err := j.writer("unit")
	require.NoError(t, err)
	_, err = io.WriteString(w, strings.Repeat("y", 3*lineLength)+"\nend\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Eventually(t, func() bool { lines := j.tail("unit", 1); return len(lines) == 1 && lines[0].text == "end" }, 10*time.Second, time.Millisecond)
	require.Len(t, j.tail("unit", -1), 5)
}
