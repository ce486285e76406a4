package ec2

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// meta is what every resource has.
type meta struct {
	ID      string
	Tags    map[string]string `json:",omitempty"`
	Created time.Time
}

func (m *meta) head() *meta { return m }

type rowOf[R any] interface {
	*R
	head() *meta
}

// kind is one kind of resource: its table, and how AWS speaks about its ids.
type kind[R any, P rowOf[R]] struct {
	cloud.Table[R]
	resource  types.ResourceType
	prefix    string // of ids, without the dash
	noun      string // as in AWS's message: The <noun> 'vpc-1' does not exist
	missing   string // AWS's code for an unknown id
	malformed string // AWS's code for what is no id of this kind; empty: as missing
}

// newMeta begins a resource: a fresh id, the tags that its specifications give, and the time.
func (k kind[R, P]) newMeta(specs []types.TagSpecification) (meta, error) {
	tags, err := tagsFrom(specs, k.resource)
	return meta{ID: cloud.NewID(k.prefix), Tags: tags, Created: now()}, err
}

// find returns the resource, or AWS's error when there is none.
func (k kind[R, P]) find(tx *cloud.Tx, region, id string) (*R, error) {
	if err := k.checkID(id); err != nil {
		return nil, err
	}
	row, err := k.Get(tx, region, id)
	if err == nil && row == nil {
		err = cloud.Errorf(k.missing, "The %s '%s' does not exist", k.noun, id)
	}
	return row, err
}

func (k kind[R, P]) checkID(id string) error {
	if k.malformed != "" && !strings.HasPrefix(id, k.prefix+"-") {
		return cloud.Errorf(k.malformed, "Invalid id: %q (expecting %q)", id, k.prefix+"-...")
	}
	return nil
}

// pick returns the resources of the ids, each of which must exist, or all when no id is given.
func (k kind[R, P]) pick(tx *cloud.Tx, region string, ids []string) ([]*R, error) {
	if len(ids) == 0 {
		return k.List(tx, region)
	}
	var rows []*R
	seen := map[string]bool{}
	for _, id := range ids {
		row, err := k.find(tx, region, id)
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			rows = append(rows, row)
		}
		seen[id] = true
	}
	return rows, nil
}

// where returns the resources that a test accepts.
func (k kind[R, P]) where(tx *cloud.Tx, region string, accept func(*R) bool) ([]*R, error) {
	rows, err := k.List(tx, region)
	if err != nil {
		return nil, err
	}
	var chosen []*R
	for _, row := range rows {
		if accept(row) {
			chosen = append(chosen, row)
		}
	}
	return chosen, nil
}

// save writes the resource under its own id.
func (k kind[R, P]) save(tx *cloud.Tx, region string, row *R) error {
	return k.Put(tx, region, P(row).head().ID, row)
}

// remove deletes the resource.
func (k kind[R, P]) remove(tx *cloud.Tx, region string, row *R) error {
	return k.Delete(tx, region, P(row).head().ID)
}

// now is the time in the precision that the API has.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
