package cloud_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
)

type widget struct {
	Name  string
	Sizes []int
	Over  bool
}

func (w *widget) Gone() bool { return w.Over }

var widgets = cloud.NewTable[widget]("test.widgets")

func open(t testing.TB) (*cloud.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := cloud.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store, path
}

func put(t testing.TB, store *cloud.Store, region, id string, w widget) {
	t.Helper()
	require.NoError(t, store.Update(func(tx *cloud.Tx) error { return widgets.Put(tx, region, id, &w) }))
}

func get(t testing.TB, store *cloud.Store, region, id string) (found *widget) {
	t.Helper()
	require.NoError(t, store.View(func(tx *cloud.Tx) (err error) {
		found, err = widgets.Get(tx, region, id)
		return err
	}))
	return found
}

func TestRowsAreKeptByRegionAndSurviveReopening(t *testing.T) {
	store, path := open(t)
	put(t, store, "us-east-1", "a", widget{Name: "one"})
	put(t, store, "us-east-2", "a", widget{Name: "two"})
	require.NoError(t, store.Close())

	again, err := cloud.Open(path)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, "one", get(t, again, "us-east-1", "a").Name)
	require.Equal(t, "two", get(t, again, "us-east-2", "a").Name)
	require.Nil(t, get(t, again, "us-east-1", "b"))
}

func TestAFailedUpdateChangesNothing(t *testing.T) {
	store, _ := open(t)
	put(t, store, "r", "a", widget{Name: "before"})
	boom := errors.New("boom")
	err := store.Update(func(tx *cloud.Tx) error {
		require.NoError(t, widgets.Put(tx, "r", "a", &widget{Name: "after"}))
		return boom
	})
	require.ErrorIs(t, err, boom)
	require.Equal(t, "before", get(t, store, "r", "a").Name)
}

func TestAnAttemptIsWholeOrNothing(t *testing.T) {
	store, _ := open(t)
	put(t, store, "us-east-1", "kept", widget{Name: "old"})
	put(t, store, "us-east-1", "deleted", widget{Name: "old"})
	refused := errors.New("refused")
	require.NoError(t, store.Update(func(tx *cloud.Tx) error {
		write := func(id, name string) error { return widgets.Put(tx, "us-east-1", id, &widget{Name: name}) }
		require.NoError(t, write("before", "stays"))
		err := tx.Attempt(func() error {
			require.NoError(t, write("kept", "new"))
			require.NoError(t, write("kept", "newer"))
			require.NoError(t, write("made", "new"))
			require.NoError(t, widgets.Delete(tx, "us-east-1", "deleted"))
			require.NoError(t, tx.Attempt(func() error { return write("inner", "undone with the outer one") }))
			return refused
		})
		require.Equal(t, refused, err, "the error is the attempt's own")
		return tx.Attempt(func() error {
			inner := tx.Attempt(func() error {
				require.NoError(t, write("before", "undone"))
				return refused
			})
			require.Equal(t, refused, inner)
			return write("after", "stays")
		})
	}))
	for id, name := range map[string]string{"kept": "old", "deleted": "old", "before": "stays", "after": "stays"} {
		require.NotNil(t, get(t, store, "us-east-1", id), id)
		require.Equal(t, name, get(t, store, "us-east-1", id).Name, id)
	}
	require.Nil(t, get(t, store, "us-east-1", "made"))
	require.Nil(t, get(t, store, "us-east-1", "inner"))
}

func TestAViewNeverSeesAnOldRow(t *testing.T) {
	store, _ := open(t)
	for i := range 50 {
		name := fmt.Sprint("version ", i)
		put(t, store, "r", "a", widget{Name: name})
		require.Equal(t, name, get(t, store, "r", "a").Name)
	}
}

func TestAnUpdateOwnsItsRows(t *testing.T) {
	store, _ := open(t)
	put(t, store, "r", "a", widget{Sizes: []int{1, 2}})
	shared := get(t, store, "r", "a")
	require.Error(t, store.Update(func(tx *cloud.Tx) error {
		mine, err := widgets.Get(tx, "r", "a")
		require.NoError(t, err)
		mine.Sizes[0] = 99
		return errors.New("undone")
	}))
	require.Equal(t, []int{1, 2}, shared.Sizes)
	require.Equal(t, []int{1, 2}, get(t, store, "r", "a").Sizes)
}

func TestWatchersWakeForTheirTablesOnly(t *testing.T) {
	store, _ := open(t)
	mine, stop := store.Watch("test.widgets")
	defer stop()
	other, stopOther := store.Watch("test.others")
	defer stopOther()

	put(t, store, "r", "a", widget{Name: "x"})
	require.Len(t, mine, 1)
	require.Empty(t, other)
	<-mine
	put(t, store, "r", "a", widget{Name: "x"})
	require.Empty(t, mine, "writing what is there wakes nobody")
	put(t, store, "r", "a", widget{Name: "y"})
	put(t, store, "r", "a", widget{Name: "z"})
	require.Len(t, mine, 1, "tokens coalesce")
}

func TestAStoreOpensOnce(t *testing.T) {
	_, path := open(t)
	_, err := cloud.Open(path)
	require.ErrorContains(t, err, "another lab has it open")
}

func TestTheInventoryTellsTheLiveFromTheGone(t *testing.T) {
	store, _ := open(t)
	put(t, store, "r", "a", widget{})
	put(t, store, "r", "b", widget{Over: true})
	put(t, store, "s", "c", widget{})
	require.NoError(t, store.View(func(tx *cloud.Tx) error {
		counts, err := cloud.Inventory(tx)
		require.NoError(t, err)
		require.Equal(t, []cloud.Count{{Table: "test.widgets", Live: 2, Gone: 1}}, counts)
		return nil
	}))
}

func TestZoneIDs(t *testing.T) {
	require.Equal(t, "use1-az1", cloud.ZoneID("us-east-1a"))
	require.Equal(t, "euc1-az3", cloud.ZoneID("eu-central-1c"))
}

func TestOnlyWhatIsCommittedIsTold(t *testing.T) {
	store, _ := open(t)
	var told []string
	tell := func(text string, then error) error {
		return store.Update(func(tx *cloud.Tx) error {
			tx.AfterCommit(func() {
				told = append(told, text, get(t, store, "us-east-1", "a").Name) // it sees what was committed
			})
			return errors.Join(widgets.Put(tx, "us-east-1", "a", &widget{Name: text}), then)
		})
	}
	require.NoError(t, tell("kept", nil))
	require.Error(t, tell("undone", errors.New("no")))
	require.Equal(t, []string{"kept", "kept"}, told)
}
