package history_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/history"
)

func TestAHistoryComesBackFromItsFile(t *testing.T) {
	r := history.NewRecorder()
	r.Mark(history.Injecting, "a server is killed")
	r.Add(history.Operation{Kind: history.Append, Start: 2, End: 3, Outcome: history.Unknown, Key: "k"})
	r.Add(history.Operation{Kind: history.List, Start: 1, End: 2, Outcome: history.OK, Entries: []history.Entry{{Sequence: 1, Key: "k"}}})
	h := r.History()
	require.Equal(t, history.List, h.Operations[0].Kind, "in the order of their ends")
	var file bytes.Buffer
	require.NoError(t, history.Write(&file, h))
	back, err := history.Read(&file)
	require.NoError(t, err)
	require.Equal(t, h.Operations, back.Operations)
	require.Equal(t, h.Marks, back.Marks)
	require.WithinDuration(t, h.Begun, back.Begun, 0)
	at, ok := back.At(history.Injecting)
	require.True(t, ok)
	require.Equal(t, h.Marks[0].At, at)
	_, ok = back.At(history.Recovered)
	require.False(t, ok)
}

func TestADamagedFileNamesItsLine(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, history.Write(&file, history.History{Operations: make([]history.Operation, 3)}))
	for name, c := range map[string]struct{ text, says string }{
		"empty":   {"", "it is empty"},
		"no head": {"?\n", "line 1"},
		"cut off": {strings.TrimSpace(file.String())[:file.Len()-10], "line 4"},
	} {
		_, err := history.Read(strings.NewReader(c.text))
		require.ErrorContains(t, err, c.says, name)
	}
}

func TestManyClientsShareARecorder(t *testing.T) {
	r := history.NewRecorder()
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for range 100 {
				at := r.Now()
				r.Add(history.Operation{Client: i, Start: at, End: r.Now(), Outcome: history.OK})
			}
		})
	}
	clients.Wait()
	require.Len(t, r.History().Operations, 800)
	ok, bad := r.Recent(time.Hour)
	require.Equal(t, 800, ok)
	require.Zero(t, bad)
}
