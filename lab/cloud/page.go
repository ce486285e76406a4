package cloud

import (
	"encoding/base64"
	"errors"
	"sort"
)

// ErrBadToken says that a pagination token is not one that the lab gave out; each service has its own code for it.
var ErrBadToken = errors.New("the pagination token is not valid")

// Page cuts one page out of items, which must be in the order of their keys. token is what the previous page
// returned (empty: the first page), limit the largest number of items (0: all of them). next is empty on the last
// page. A page starts behind the key that the token names, so rows that come and go between calls shift nothing.
func Page[T any](items []T, key func(T) string, token string, limit int) (page []T, next string, err error) {
	if token != "" {
		after, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(after) == 0 {
			return nil, "", ErrBadToken
		}
		items = items[sort.Search(len(items), func(i int) bool { return key(items[i]) > string(after) }):]
	}
	if limit <= 0 || len(items) <= limit {
		return items, "", nil
	}
	page = items[:limit]
	return page, base64.RawURLEncoding.EncodeToString([]byte(key(page[limit-1]))), nil
}
