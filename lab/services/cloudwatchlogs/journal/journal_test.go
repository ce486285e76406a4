package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/cloudwatchlogs/journal"
)

var stream = journal.Stream{Region: "us-east-1", Group: "/a/b", Name: "../c:d"}

func TestEventsSurviveAndAreOrdered(t *testing.T) {
	dir := t.TempDir()
	first := journal.New(dir)
	require.NoError(t, first.Append(stream, []journal.Event{{Timestamp: 5, Message: "five\n"}, {Timestamp: 3, Message: "three"}}, true))
	second := journal.New(dir)
	require.NoError(t, second.Append(stream, []journal.Event{{Timestamp: 3, Ingested: 9, Message: "also three"}}, false))
	events, err := second.Read(stream, 0, 100)
	require.NoError(t, err)
	var messages []string
	for _, event := range events {
		messages = append(messages, event.Message)
	}
	assert.Equal(t, []string{"three", "also three", "five\n"}, messages)
	stats, err := second.Stats(stream)
	require.NoError(t, err)
	assert.Equal(t, 3, stats.Events)
	assert.EqualValues(t, 3, stats.First)
	assert.EqualValues(t, 5, stats.Last)
	events, err = second.Read(stream, 4, 5)
	require.NoError(t, err)
	assert.Empty(t, events)
}

func TestACutLineIsDropped(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, journal.New(dir).Append(stream, []journal.Event{{Timestamp: 1, Message: "whole"}}, true))
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	file, err := os.OpenFile(found[0], os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(`{"t":2,"m":"cut o`)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	again := journal.New(dir)
	require.NoError(t, again.Append(stream, []journal.Event{{Timestamp: 3, Message: "next"}}, true))
	events, err := again.Read(stream, 0, 100)
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, "next", events[1].Message)
}

func TestDeletedStreamsAreEmpty(t *testing.T) {
	j := journal.New(t.TempDir())
	require.NoError(t, j.Append(stream, []journal.Event{{Timestamp: 1}}, true))
	require.NoError(t, j.Delete(stream))
	require.NoError(t, j.Delete(stream), "what is gone is gone")
	events, err := j.Read(stream, 0, 9)
	require.NoError(t, err)
	assert.Empty(t, events)
	require.NoError(t, j.Append(stream, []journal.Event{{Timestamp: 2}}, true))
	require.NoError(t, j.DeleteGroup(stream.Region, stream.Group))
	stats, err := j.Stats(stream)
	require.NoError(t, err)
	assert.Zero(t, stats)
}
