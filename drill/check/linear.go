package check

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"haven/drill/history"
)

// linearLimit bounds the search for an order. A history of some thousand operations takes milliseconds, see ledgerModel.
const linearLimit = 20 * time.Second

// Linear judges whether all acknowledged appends and consistent lists can have happened one after the other, each at a moment
// between its request and its answer: whether the ledger looks like one, though many servers keep it. It returns ErrUnreliable when
// that could not be decided in time.
func Linear(h history.History) ([]Finding, error) { return linearWithin(h, linearLimit) }

func linearWithin(h history.History, limit time.Duration) ([]Finding, error) {
	operations := ledgerOperations(h)
	result, info := porcupine.CheckOperationsVerbose(ledgerModel, operations, limit)
	switch result {
	case porcupine.Ok:
		return nil, nil
	case porcupine.Illegal:
		stuck, at := firstLeftOut(operations, info)
		return []Finding{finding(ErrNotLinear, at, "no order of the appends and lists explains all answers; the first that fits nowhere: %s", stuck)}, nil
	}
	return nil, finding(ErrUnreliable, 0, "whether the ledger's answers contradict each other could not be decided in %s", limit)
}

// Visualize writes a page that shows all orders that were tried, for a history in which Linear found a contradiction.
func Visualize(w io.Writer, h history.History) error {
	_, info := porcupine.CheckOperationsVerbose(ledgerModel, ledgerOperations(h), linearLimit)
	if err := porcupine.Visualize(ledgerModel, info, w); err != nil {
		return fmt.Errorf("drawing the ledger's history: %w", err)
	}
	return nil
}

// ledgerState is all that can be told apart of a ledger: its last entry and the hash of all. A list's answer is one, too.
type ledgerState struct {
	Last int64
	Hash uint64
}

func (s ledgerState) add(e history.Entry) ledgerState {
	sum := fnv.New64a()
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, s.Hash)) // hashes take everything
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(e.Sequence)))
	_, _ = sum.Write([]byte(e.Key))
	return ledgerState{e.Sequence, sum.Sum64()}
}

// ledgerAppend is the input of an append; that of a list is nil. After is the number of the entry before it, 0 without one.
type ledgerAppend struct {
	Entry history.Entry
	After int64
}

// ledgerModel is a ledger that one server keeps. Which entry came before which is known from the numbers, so each state has
// at most one append that fits: there is nothing to search, even when dozens of appends were under way at once in an outage.
var ledgerModel = porcupine.Model{
	Init: func() any { return ledgerState{} },
	Step: func(state, input, output any) (bool, any) {
		now := state.(ledgerState)
		if add, ok := input.(ledgerAppend); ok {
			return now.Last == add.After, now.add(add.Entry)
		}
		return now == output.(ledgerState), now
	},
	DescribeOperation: func(input, output any) string {
		if add, ok := input.(ledgerAppend); ok {
			return fmt.Sprintf("append %s → number %d", add.Entry.Key, add.Entry.Sequence)
		}
		return fmt.Sprintf("list → up to number %d", output.(ledgerState).Last)
	},
	DescribeState: func(state any) string { return fmt.Sprintf("up to number %d", state.(ledgerState).Last) },
}

// ledgerOperations are the appends that happened and the lists that were answered. An append without a good answer happened
// when a list shows it, at any time since it was asked for; one that no list shows says nothing.
//
// A list of several pages is taken for one: entries are only ever added behind the last, so a full page never changes, and
// the list is what the ledger was when its last page was read.
func ledgerOperations(h history.History) (operations []porcupine.Operation) {
	shown := map[string]int64{}
	for _, list := range succeeded(h, history.List) {
		for _, entry := range list.Entries {
			shown[entry.Key] = entry.Sequence
		}
	}
	appends := h.Of(history.Append)
	before := predecessors(appends, shown)
	for _, o := range appends {
		entry, end := history.Entry{Sequence: o.Sequence, Key: o.Key}, int64(o.End)
		if o.Outcome != history.OK {
			sequence, happened := shown[o.Key]
			if !happened {
				continue
			}
			entry.Sequence, end = sequence, math.MaxInt64
		}
		operations = append(operations, porcupine.Operation{Input: ledgerAppend{entry, before[entry.Sequence]}, Call: int64(o.Start), Return: end})
	}
	for _, list := range succeeded(h, history.List) {
		var seen ledgerState
		for _, entry := range list.Entries {
			seen = seen.add(entry)
		}
		operations = append(operations, porcupine.Operation{Output: seen, Call: int64(list.Start), Return: int64(list.End)})
	}
	inLanes(operations)
	return operations
}

// predecessors tells for each number that was given the one before it.
func predecessors(appends []history.Operation, shown map[string]int64) map[int64]int64 {
	var numbers []int64
	for _, o := range appends {
		if o.Outcome == history.OK {
			numbers = append(numbers, o.Sequence)
		}
	}
	for _, number := range shown {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	before, last := map[int64]int64{}, int64(0)
	for _, number := range slices.Compact(numbers) {
		before[number], last = last, number
	}
	return before
}

// inLanes gives operations that overlap different clients, as few as can be: a drawing has a line for each.
func inLanes(operations []porcupine.Operation) {
	slices.SortStableFunc(operations, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var free []int64 // when each lane's last operation ends
	for i, o := range operations {
		lane := slices.IndexFunc(free, func(end int64) bool { return end < o.Call })
		if lane < 0 {
			lane, free = len(free), append(free, 0)
		}
		operations[i].ClientId, free[lane] = lane, o.Return
	}
}

// firstLeftOut tells the operation that ended first of those that the longest order has no place for.
func firstLeftOut(operations []porcupine.Operation, info porcupine.LinearizationInfo) (text string, at time.Duration) {
	placed := map[int]bool{}
	for _, partition := range info.PartialLinearizations() {
		var longest []int
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = order
			}
		}
		for _, id := range longest {
			placed[id] = true // ids are positions: there is one partition
		}
	}
	first := -1
	for i, o := range operations {
		if !placed[i] && (first < 0 || o.Return < operations[first].Return) {
			first = i
		}
	}
	if first < 0 {
		return "nothing", 0
	}
	o := operations[first]
	return ledgerModel.DescribeOperation(o.Input, o.Output), time.Duration(o.Return)
}
