package timeline

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openAt(t *testing.T, path string) *Recorder {
	t.Helper()
	r, err := Open(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func texts(events []Event) (all []string) {
	for _, event := range events {
		all = append(all, event.Text)
	}
	return all
}

func TestEventsOutliveTheRecorder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "timeline.jsonl")
	first := openAt(t, path)
	first.Add(Event{Region: "us-east-1", Zone: "us-east-1a", Source: "ec2", Subject: "i-1", Text: "is running"})
	first.Add(Event{Subject: "i-1", Text: "is stopped", Severity: Warning})
	before := first.Newest(10) // no Close: as after a kill

	second := openAt(t, path)
	assert.Equal(t, before, second.Newest(10))
	second.Add(Event{Text: "third"})
	after, missed := second.After(before[1].ID, 10)
	assert.Equal(t, []string{"third"}, texts(after))
	assert.False(t, missed)
	assert.Greater(t, after[0].ID, before[1].ID)
}

func TestALineThatWasCutShortIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "timeline.jsonl")
	first := openAt(t, path)
	first.Add(Event{Text: "whole"})
	require.NoError(t, first.Close())
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(`{"id":99,"text":"ha`)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	second := openAt(t, path)
	second.Add(Event{Text: "next"})
	require.NoError(t, second.Close())
	assert.Equal(t, []string{"whole", "next"}, texts(openAt(t, path).Newest(10)))
}

func TestMemoryAndFileAreBounded(t *testing.T) {
	dir := t.TempDir()
	r := openAt(t, filepath.Join(dir, "timeline.jsonl"))
	for i := range 20000 {
		r.Add(Event{Text: fmt.Sprintf("%d %s", i, strings.Repeat("x", 300))})
	}
	assert.LessOrEqual(t, len(r.held), mostHeld+mostHeld/4)
	newest := r.Newest(1)
	assert.True(t, strings.HasPrefix(newest[0].Text, "19999 "))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(mostFile))
	}
	assert.GreaterOrEqual(t, len(openAt(t, filepath.Join(dir, "timeline.jsonl")).Newest(mostHeld)), mostHeld)
}

func TestAfter(t *testing.T) {
	r := openAt(t, filepath.Join(t.TempDir(), "timeline.jsonl"))
	for i := range 5 {
		r.Add(Event{Text: fmt.Sprint(i)})
	}
	all := r.Newest(9)
	for _, c := range []struct {
		name   string
		id     int64
		most   int
		want   []string
		missed bool
	}{
		{"from the beginning", 0, 9, []string{"0", "1", "2", "3", "4"}, false},
		{"after one", all[2].ID, 9, []string{"3", "4"}, false},
		{"after the last", all[4].ID, 9, nil, false},
		{"more than wanted", 0, 2, []string{"3", "4"}, true},
		{"after one that is forgotten", 1, 9, []string{"0", "1", "2", "3", "4"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, missed := r.After(c.id, c.most)
			assert.Equal(t, c.want, texts(events))
			assert.Equal(t, c.missed, missed)
		})
	}
}

func TestTextsAreOneCleanLine(t *testing.T) {
	r := openAt(t, filepath.Join(t.TempDir(), "timeline.jsonl"))
	r.Add(Event{Subject: "i-1", Text: "a\nb\x1b[31m\xffc" + strings.Repeat("é", 600), Severity: "odd"})
	event := r.Newest(1)[0]
	assert.True(t, strings.HasPrefix(event.Text, "a b[31mcé"), event.Text)
	assert.Len(t, []rune(event.Text), mostText)
	assert.Equal(t, Info, event.Severity)
}

func TestMentions(t *testing.T) {
	r := openAt(t, filepath.Join(t.TempDir(), "timeline.jsonl"))
	begun := time.Now()
	assert.False(t, r.Mentions("i-1", begun))
	r.Add(Event{Subject: "i-1"})
	assert.True(t, r.Mentions("i-1", begun))
	assert.False(t, r.Mentions("i-2", begun))
	assert.False(t, r.Mentions("i-1", time.Now().Add(time.Second)))
}

func TestWatchersAreWokenAndNeverWaitedFor(t *testing.T) {
	r := openAt(t, filepath.Join(t.TempDir(), "timeline.jsonl"))
	wake, stop := r.Watch()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				r.Add(Event{Text: "x"})
			}
		})
	}
	group.Wait()
	assert.Len(t, wake, 1)
	ids := map[int64]bool{}
	for _, event := range r.Newest(1000) {
		ids[event.ID] = true
	}
	assert.Len(t, ids, 800)
	<-wake
	stop()
	r.Add(Event{Text: "nobody listens"})
	assert.Empty(t, wake)
	(*Recorder)(nil).Add(Event{}) // no Recorder, no trouble
}

func TestAFullDiskStopsNothing(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	r := openAt(t, filepath.Join(t.TempDir(), "timeline.jsonl"))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, r.file.Close())
	r.file = full
	r.Add(Event{Text: "kept in memory"})
	assert.True(t, r.broken)
	assert.Equal(t, []string{"kept in memory"}, texts(r.Newest(1)))
}
