package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// query is what every Describe operation takes.
type query struct {
	ids     []string
	filters []types.Filter
	limit   *int32
	token   *string
}

// page is one page of an answer: pairs of a key, by which the answer is in order, and what is shown for it.
type page[T any] struct {
	items []keyed[T]
	set   filterSet[T]
}

type keyed[T any] struct {
	key   string
	shown T
}

func (p *page[T]) add(key string, shown T) { p.items = append(p.items, keyed[T]{key, shown}) }

// cut filters what was added and returns the page that the query asks for.
func (p *page[T]) cut(q query) ([]T, *string, error) {
	if err := p.set.check(q.filters); err != nil {
		return nil, nil, err
	}
	if q.limit != nil && *q.limit < 1 {
		return nil, nil, cloud.Errorf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid", *q.limit)
	}
	kept := slices.DeleteFunc(p.items, func(item keyed[T]) bool { return !p.set.accepts(&item.shown, q.filters) })
	slices.SortStableFunc(kept, func(a, b keyed[T]) int { return strings.Compare(a.key, b.key) })
	cut, next, err := cloud.Page(kept, func(item keyed[T]) string { return item.key }, aws.ToString(q.token), int(aws.ToInt32(q.limit)))
	if err != nil {
		return nil, nil, cloud.Errorf("InvalidNextToken", "The specified NextToken is not valid: %q", aws.ToString(q.token))
	}
	shown := make([]T, len(cut))
	for i := range cut {
		shown[i] = cut[i].shown
	}
	return shown, optional(next), nil
}

// describe answers a Describe operation over one kind of resource: those of the ids, or all; as they are shown; that
// pass the filters; one page of them.
func describe[R any, P rowOf[R], T any](tx *cloud.Tx, region string, k kind[R, P], q query, set filterSet[T],
	show func(*R) (T, error),
) ([]T, *string, error) {
	if len(q.ids) > 0 && q.limit != nil {
		return nil, nil, cloud.Errorf("InvalidParameterCombination",
			"The parameter %s cannot be used with the parameter maxResults", k.noun)
	}
	rows, err := k.pick(tx, region, q.ids)
	if err != nil {
		return nil, nil, err
	}
	answer := page[T]{set: set}
	for _, row := range rows {
		shown, err := show(row)
		if err != nil {
			return nil, nil, err
		}
		answer.add(P(row).head().ID, shown)
	}
	return answer.cut(q)
}

// optional returns nil for the empty string: the API leaves such members out.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return aws.String(text)
}
