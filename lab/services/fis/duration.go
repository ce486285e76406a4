package fis

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var durationText = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// parseDuration reads an ISO 8601 duration from one minute to twelve hours, as FIS's actions have them.
func parseDuration(text string) (time.Duration, error) {
	match := durationText.FindStringSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("%q is not an ISO 8601 duration, such as PT2M", text)
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if match[i+1] == "" {
			continue
		}
		number, err := strconv.ParseInt(match[i+1], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is too long", text)
		}
		total += time.Duration(number) * unit
	}
	if total < minDuration || total > maxDuration {
		return 0, fmt.Errorf("%q is not from one minute to twelve hours", text)
	}
	return total, nil
}

func checkDuration(text string) error {
	_, err := parseDuration(text)
	return err
}
