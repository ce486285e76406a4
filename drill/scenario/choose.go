package scenario

import (
	"fmt"
	"slices"
)

// oneOf chooses one at random, the same for the same seed. Choices are sorted first: APIs list in any order.
func (s Stage) oneOf(what string, choices []string) (string, error) {
	if len(choices) == 0 {
		return "", fmt.Errorf("choosing a victim: there is no %s", what)
	}
	slices.Sort(choices)
	return choices[s.Random.IntN(len(choices))], nil
}
