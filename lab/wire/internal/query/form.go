package query

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/fault"
)

// maxDepth is more than any model nests; every level of a name like A.1.B.2 counts.
const maxDepth = 60

// form is the tree of a form's parameters: A.1.B=x is x under B under 1 under A.
type form struct {
	value    string
	set      bool
	children map[string]*form
}

// parseForm reads parameters into a tree.
func parseForm(values url.Values) (*form, error) {
	root := &form{}
	for name, given := range values {
		if len(given) > 1 {
			return nil, fault.Newf(fault.Malformed, "The parameter %s is given more than once.", name)
		}
		if strings.Count(name, ".") > maxDepth {
			return nil, bind.ErrDepth
		}
		node := root
		for part := range strings.SplitSeq(name, ".") {
			node = node.child(part)
		}
		node.value, node.set = given[0], true
	}
	return root, nil
}

func (f *form) child(name string) *form {
	if f.children == nil {
		f.children = map[string]*form{}
	}
	child := f.children[name]
	if child == nil {
		child = &form{}
		f.children[name] = child
	}
	return child
}

// elements returns a list's elements in the order of their numbers; a gap is no element.
func (f *form) elements(path string) ([]*form, error) {
	numbers := make([]int, 0, len(f.children))
	for name := range f.children {
		number, err := strconv.Atoi(name)
		if err != nil || number < 0 || strconv.Itoa(number) != name {
			return nil, bind.UnknownMember(bind.Join(path, name))
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	elements := make([]*form, len(numbers))
	for i, number := range numbers {
		elements[i] = f.children[strconv.Itoa(number)]
	}
	return elements, nil
}
