package ec2

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"haven/lab/cloud"
)

// darkness are the zones that have lost their power. Nothing of it is stored: who takes the power says so again after a
// restart of the lab, before Run.
type darkness struct {
	mu      sync.Mutex
	since   map[string]time.Time // by zone
	changed chan struct{}
}

func newDarkness() *darkness {
	return &darkness{since: map[string]time.Time{}, changed: make(chan struct{}, 1)}
}

// SetZonePower takes a zone's power, or gives it back. Without it the zone's instances end at once, fail both status
// checks, and none can be launched there; with it they boot again from their disks, as EC2 recovers them. Saying twice
// what is so already is no error.
func (s *Service) SetZonePower(region, zone string, on bool) {
	d := s.dark
	d.mu.Lock()
	_, was := d.since[zone]
	if on {
		delete(d.since, zone)
	} else if !was {
		d.since[zone] = now()
	}
	d.mu.Unlock()
	if on != was {
		return // as it was
	}
	s.tellZone(region, zone, on)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// of tells since when a zone is without power; ok is false when it has power.
func (d *darkness) of(zone string) (since time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	since, ok = d.since[zone]
	return since, ok
}

// checkPower refuses to launch in a zone without power, as EC2 does when it has no host there
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html#troubleshooting-launch-capacity).
func (s *Service) checkPower(region, zone, kind string) error {
	if _, dark := s.dark.of(zone); !dark {
		return nil
	}
	known, _ := cloud.FindRegion(region)
	others := slices.DeleteFunc(slices.Clone(known.Zones), func(z string) bool {
		_, dark := s.dark.of(z)
		return dark
	})
	return cloud.StatusErrorf(http.StatusInternalServerError, "InsufficientInstanceCapacity",
		"We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). Our system will be working on provisioning additional capacity. "+
			"You can currently get %s capacity by not specifying an Availability Zone in your request or choosing %s.", kind, zone, kind, strings.Join(others, ", "))
}
