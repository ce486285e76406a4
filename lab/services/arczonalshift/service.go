package arczonalshift

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/arczonalshift/types"

	"haven/lab/cloud"
	"haven/lab/services/elasticloadbalancingv2"
)

// Resources knows what traffic can be led away from a zone for; elasticloadbalancingv2.Service implements it.
type Resources interface {
	Managed(tx *cloud.Tx, region string) ([]elasticloadbalancingv2.Managed, error)
}

// Service answers the API.
type Service struct {
	store     *cloud.Store
	resources Resources
	log       *slog.Logger
	now       func() time.Time
	// Event is told of shifts that begin and end; nil: nobody wants to know. It must not block.
	Event func(region, zone, resource, text string)
}

// New returns the service over the lab's store.
func New(store *cloud.Store, resources Resources, log *slog.Logger) *Service {
	return &Service{store: store, resources: resources, log: log, now: time.Now}
}

// shift is a zonal shift, kept under its id.
type shift struct {
	ID       string
	Resource string // ARN
	Name     string // the resource's
	Zone     string // by name
	Comment  string
	Started  time.Time
	Expires  time.Time
	Status   types.ZonalShiftStatus
}

// Gone tells whether the shift is history.
func (s *shift) Gone() bool { return s.Status != types.ZonalShiftStatusActive }

var shifts = cloud.NewTable[shift]("arczonalshift.shifts")

// active reports whether the shift leads traffic away at a moment.
func (s *shift) active(at time.Time) bool {
	return s.Status == types.ZonalShiftStatusActive && at.Before(s.Expires)
}

// status is the shift's status at a moment: one whose time is over has expired, whether or not that was noted.
func (s *shift) status(at time.Time) types.ZonalShiftStatus {
	if s.Status == types.ZonalShiftStatusActive && !at.Before(s.Expires) {
		return types.ZonalShiftStatusExpired
	}
	return s.Status
}

// AwayFrom returns the zone that the resource's traffic is led away from now, or "".
func (s *Service) AwayFrom(tx *cloud.Tx, region, resource string) (string, error) {
	all, err := shifts.List(tx, region)
	if err != nil {
		return "", err
	}
	now := s.now()
	for _, one := range all {
		if one.Resource == resource && one.active(now) {
			return one.Zone, nil
		}
	}
	return "", nil
}

// Codes of the API
// (https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_StartZonalShift.html).
func invalid(reason types.ValidationExceptionReason, format string, args ...any) error {
	e := cloud.Errorf("ValidationException", format, args...)
	e.Detail = map[string]string{"reason": string(reason)}
	return e
}

func conflict(reason types.ConflictExceptionReason, id, format string, args ...any) error {
	e := cloud.StatusErrorf(http.StatusConflict, "ConflictException", format, args...)
	e.Detail = map[string]string{"reason": string(reason), "zonalShiftId": id}
	return e
}

func notFound(format string, args ...any) error {
	return cloud.StatusErrorf(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}

// find returns the managed resource of an ARN or a name.
func (s *Service) find(tx *cloud.Tx, region, identifier string) (elasticloadbalancingv2.Managed, error) {
	all, err := s.resources.Managed(tx, region)
	if err != nil {
		return elasticloadbalancingv2.Managed{}, err
	}
	for _, resource := range all {
		if resource.ARN == identifier || resource.Name == identifier {
			return resource, nil
		}
	}
	return elasticloadbalancingv2.Managed{}, notFound(
		"The resource '%s' is not a managed resource: it must be an active application load balancer with zonal_shift.config.enabled", identifier)
}

// most is the longest time that a shift can be set to last from now: "up to three days (72 hours)".
const most = 72 * time.Hour

// lifetime reads an ExpiresIn such as "90m" or "3h".
func lifetime(text string) (time.Duration, error) {
	unit := map[string]time.Duration{"m": time.Minute, "h": time.Hour}
	for suffix, each := range unit {
		number, ok := strings.CutSuffix(text, suffix)
		if !ok {
			continue
		}
		count, err := strconv.Atoi(number)
		if err == nil && count > 0 && !strings.HasPrefix(number, "0") && time.Duration(count)*each <= most {
			return time.Duration(count) * each, nil
		}
	}
	return 0, invalid(types.ValidationExceptionReasonInvalidExpiresIn, "The expiry '%s' must be a whole number and m or h, at most three days", text)
}

// zoneOf returns the name of a zone that the resource is in, from its id such as "use1-az1".
func zoneOf(resource elasticloadbalancingv2.Managed, region, id string) (string, error) {
	for _, zone := range resource.Zones {
		if cloud.ZoneID(zone) == id {
			return zone, nil
		}
	}
	known, _ := cloud.FindRegion(region)
	if slices.ContainsFunc(known.Zones, func(zone string) bool { return cloud.ZoneID(zone) == id }) {
		return "", invalid(types.ValidationExceptionReasonUnsupportedAz, "The resource '%s' is not deployed in the Availability Zone '%s'", resource.Name, id)
	}
	return "", invalid(types.ValidationExceptionReasonInvalidAz, "The Availability Zone '%s' is not valid: it must be an id such as use1-az1", id)
}

// Run notes which shifts have expired, until the context ends: what follows them is woken by that.
func (s *Service) Run(ctx context.Context) error {
	wake, stop := s.store.Watch(shifts.Name())
	defer stop()
	for {
		next, err := s.expire()
		if err != nil && ctx.Err() == nil {
			s.log.Error("zonal shifts could not be ended", "error", err)
			next = s.now().Add(time.Second)
		}
		timer := time.NewTimer(next.Sub(s.now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

var errDue = errors.New("a shift has expired")

// expire ends shifts whose time is over, and returns when the next one is.
func (s *Service) expire() (next time.Time, err error) {
	now := s.now()
	next = now.Add(time.Hour)
	err = s.store.View(func(tx *cloud.Tx) error {
		return each(tx, func(_ string, one *shift) error {
			if one.Status != types.ZonalShiftStatusActive {
				return nil
			}
			if one.status(now) == types.ZonalShiftStatusExpired {
				return errDue
			}
			if one.Expires.Before(next) {
				next = one.Expires
			}
			return nil
		})
	})
	if !errors.Is(err, errDue) {
		return next, err
	}
	var ended []shift
	var regions []string
	err = s.store.Update(func(tx *cloud.Tx) error {
		return each(tx, func(region string, one *shift) error {
			if one.Status != types.ZonalShiftStatusActive || one.status(now) == types.ZonalShiftStatusActive {
				return nil
			}
			one.Status = types.ZonalShiftStatusExpired
			ended, regions = append(ended, *one), append(regions, region)
			return shifts.Put(tx, region, one.ID, one)
		})
	})
	for i, one := range ended {
		s.tell(regions[i], &one, "the zonal shift has expired")
	}
	return now, err
}

func each(tx *cloud.Tx, do func(region string, one *shift) error) error {
	for _, region := range cloud.Regions() {
		all, err := shifts.List(tx, region.Name)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := do(region.Name, one); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) tell(region string, one *shift, text string) {
	if s.Event != nil {
		s.Event(region, one.Zone, one.Name, text)
	}
}
