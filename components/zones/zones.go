// Package zones names the availability zones that an environment spans.
//
// Zones are plain data, a Region and letters, never a look-up: what
// DescribeAvailabilityZones lists changes when a zone has an event, and a plan
// that changes then would want to replace what has just survived.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html
package zones

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
)

// Fewest and Most bound how many zones an environment spans. Two is the least
// that survives the loss of one; four is what the larger Regions offer widely.
const (
	Fewest = 2
	Most   = 4
)

// Letters are the zone letters that the address plan has room for.
const Letters = "abcdefgh"

var letterPattern = regexp.MustCompile(`^[a-h]$`)

// Zone is one availability zone.
type Zone struct {
	Letter string // the last character of the name; identity of everything zonal
	Name   string // the full name, such as us-east-1a
}

// Index is the position of the zone's letter in the alphabet (a is 0). It
// depends on the letter alone, so that it never changes when zones are added.
func (z Zone) Index() int { return int(z.Letter[0] - 'a') }

// First returns the first count letters: the default choice of zones.
func First(count int) []string {
	letters := make([]string, 0, count)
	for i := 0; i < count && i < len(Letters); i++ {
		letters = append(letters, Letters[i:i+1])
	}
	return letters
}

// Plan names the zones of a Region by their letters, sorted. The error lists
// everything that is wrong with the choice.
func Plan(region string, letters []string) ([]Zone, error) {
	var problems []error
	if region == "" {
		problems = append(problems, errors.New("the region is empty"))
	}
	if len(letters) < Fewest || len(letters) > Most {
		problems = append(problems, fmt.Errorf("%d zones chosen: expected %d to %d", len(letters), Fewest, Most))
	}
	seen := map[string]bool{}
	planned := make([]Zone, 0, len(letters))
	for _, letter := range letters {
		switch {
		case !letterPattern.MatchString(letter):
			problems = append(problems, fmt.Errorf("zone letter %q: expected one of %s", letter, Letters))
		case seen[letter]:
			problems = append(problems, fmt.Errorf("zone letter %q is chosen twice", letter))
		}
		seen[letter] = true
		planned = append(planned, Zone{Letter: letter, Name: region + letter})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	sort.Slice(planned, func(i, j int) bool { return planned[i].Letter < planned[j].Letter })
	return planned, nil
}
