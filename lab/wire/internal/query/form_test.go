package query

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestElementsAreInTheOrderOfTheirNumbers(t *testing.T) {
	tree, err := parseForm(url.Values{"A.10": {"ten"}, "A.2": {"two"}, "A.1.B": {"one"}})
	require.NoError(t, err)
	elements, err := tree.children["A"].elements("A")
	require.NoError(t, err)
	require.Len(t, elements, 3)
	assert.Equal(t, "one", elements[0].children["B"].value)
	assert.Equal(t, "two", elements[1].value)
	assert.Equal(t, "ten", elements[2].value)
	for _, bad := range []string{"A.x", "A.-1", "A.01", "A.99999999999999999999"} {
		tree, err := parseForm(url.Values{bad: {"v"}})
		require.NoError(t, err)
		_, err = tree.children["A"].elements("A")
		require.Error(t, err, bad)
	}
}

// FuzzForm looks for forms that make the parser fall over.
func FuzzForm(f *testing.F) {
	f.Add("Action=A&B.1.C=d&B.2.C.member.1=e&..=&=")
	f.Fuzz(func(t *testing.T, body string) {
		values, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		tree, err := parseForm(values)
		if err != nil {
			return
		}
		for name, child := range tree.children {
			child.elements(name)
		}
	})
}
