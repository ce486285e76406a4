package cloud

import (
	"sort"
	"sync"
)

// Lingering is a row that may stay for a while after what it describes is gone, as AWS keeps terminated instances
// and keys that await deletion, or a record of the past such as a scaling activity.
type Lingering interface {
	// Gone reports whether the row no longer counts as a resource of the account.
	Gone() bool
}

// Count is how many resources one table holds.
type Count struct {
	Table string `json:"table"`
	Live  int    `json:"live"`
	Gone  int    `json:"gone"` // see Lingering
}

var (
	inventoryMu sync.Mutex
	inventory   = map[string]func(*Tx) (Count, error){}
)

// Inventory counts the resources of every table that is not empty, in the order of their names.
func Inventory(tx *Tx) ([]Count, error) {
	inventoryMu.Lock()
	defer inventoryMu.Unlock()
	var counts []Count
	for _, count := range inventory {
		one, err := count(tx)
		if err != nil {
			return nil, err
		}
		if one.Live+one.Gone > 0 {
			counts = append(counts, one)
		}
	}
	sort.Slice(counts, func(i, j int) bool { return counts[i].Table < counts[j].Table })
	return counts, nil
}

func (t Table[Row]) count(tx *Tx) (Count, error) {
	count := Count{Table: t.name}
	rows, err := t.ListAll(tx)
	for _, row := range rows {
		if l, ok := any(row).(Lingering); ok && l.Gone() {
			count.Gone++
		} else {
			count.Live++
		}
	}
	return count, err
}
