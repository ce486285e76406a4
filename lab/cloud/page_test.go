package cloud_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
)

func TestPagesCoverEveryItemOnce(t *testing.T) {
	var items []string
	for i := range 23 {
		items = append(items, fmt.Sprintf("item-%02d", i))
	}
	self := func(s string) string { return s }
	for limit := range 30 {
		var seen []string
		token, pages := "", 0
		for {
			page, next, err := cloud.Page(items, self, token, limit)
			require.NoError(t, err)
			seen = append(seen, page...)
			if pages++; next == "" {
				break
			}
			require.Len(t, page, limit)
			token = next
		}
		require.Equal(t, items, seen, "limit %d", limit)
	}
}

func TestAPageGoesOnWhenItsLastItemIsGone(t *testing.T) {
	self := func(s string) string { return s }
	_, token, err := cloud.Page([]string{"a", "b", "c"}, self, "", 2)
	require.NoError(t, err)
	page, _, err := cloud.Page([]string{"a", "c"}, self, token, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, page)
}

func TestAForeignTokenIsRefused(t *testing.T) {
	_, _, err := cloud.Page([]string{"a"}, func(s string) string { return s }, "%%%", 1)
	require.ErrorIs(t, err, cloud.ErrBadToken)
}
