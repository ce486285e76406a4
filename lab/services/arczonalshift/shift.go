package arczonalshift

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift/types"

	"haven/lab/cloud"
)

// StartZonalShift leads a resource's traffic away from a zone. A resource has one shift at a time.
func (s *Service) StartZonalShift(ctx context.Context, in *arczonalshift.StartZonalShiftInput) (*arczonalshift.StartZonalShiftOutput, error) {
	lasts, err := lifetime(*in.ExpiresIn)
	if err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	now := s.now().UTC()
	made := &shift{ID: newID(), Comment: *in.Comment, Started: now, Expires: now.Add(lasts), Status: types.ZonalShiftStatusActive}
	err = s.store.Update(func(tx *cloud.Tx) error {
		resource, err := s.find(tx, region, *in.ResourceIdentifier)
		if err != nil {
			return err
		}
		if made.Zone, err = zoneOf(resource, region, *in.AwayFrom); err != nil {
			return err
		}
		made.Resource, made.Name = resource.ARN, resource.Name
		all, err := shifts.List(tx, region)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Resource == made.Resource && other.active(now) {
				return conflict(types.ConflictExceptionReasonZonalShiftAlreadyExists, other.ID, "A zonal shift of the resource '%s' is active already", resource.Name)
			}
		}
		return shifts.Put(tx, region, made.ID, made)
	})
	if err != nil {
		return nil, err
	}
	s.tell(region, made, "a zonal shift leads traffic away from "+made.Zone+": "+made.Comment)
	return &arczonalshift.StartZonalShiftOutput{
		AwayFrom: in.AwayFrom, Comment: in.Comment, ExpiryTime: &made.Expires, ResourceIdentifier: &made.Resource,
		StartTime: &made.Started, Status: made.Status, ZonalShiftId: &made.ID,
	}, nil
}

// change applies a change to a shift that is active.
func (s *Service) change(ctx context.Context, id string, apply func(one *shift) error) (*shift, error) {
	region := cloud.RegionOf(ctx)
	var changed *shift
	err := s.store.Update(func(tx *cloud.Tx) error {
		one, err := shifts.Get(tx, region, id)
		if err != nil {
			return err
		}
		if one == nil {
			return notFound("The zonal shift '%s' was not found", id)
		}
		if !one.active(s.now()) {
			return conflict(types.ConflictExceptionReasonZonalShiftStatusNotActive, id, "The zonal shift '%s' is not active", id)
		}
		if err := apply(one); err != nil {
			return err
		}
		changed = one
		return shifts.Put(tx, region, id, one)
	})
	return changed, err
}

// UpdateZonalShift gives an active shift another expiry, from now on, or another comment.
func (s *Service) UpdateZonalShift(ctx context.Context, in *arczonalshift.UpdateZonalShiftInput) (*arczonalshift.UpdateZonalShiftOutput, error) {
	changed, err := s.change(ctx, *in.ZonalShiftId, func(one *shift) error {
		if in.Comment != nil {
			one.Comment = *in.Comment
		}
		if in.ExpiresIn == nil {
			return nil
		}
		lasts, err := lifetime(*in.ExpiresIn)
		one.Expires = s.now().UTC().Add(lasts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &arczonalshift.UpdateZonalShiftOutput{
		AwayFrom: aws.String(cloud.ZoneID(changed.Zone)), Comment: &changed.Comment, ExpiryTime: &changed.Expires, ResourceIdentifier: &changed.Resource,
		StartTime: &changed.Started, Status: changed.Status, ZonalShiftId: &changed.ID,
	}, nil
}

// CancelZonalShift ends a shift: traffic returns to the zone.
func (s *Service) CancelZonalShift(ctx context.Context, in *arczonalshift.CancelZonalShiftInput) (*arczonalshift.CancelZonalShiftOutput, error) {
	changed, err := s.change(ctx, *in.ZonalShiftId, func(one *shift) error {
		one.Status = types.ZonalShiftStatusCanceled
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.tell(cloud.RegionOf(ctx), changed, "the zonal shift was canceled")
	return &arczonalshift.CancelZonalShiftOutput{
		AwayFrom: aws.String(cloud.ZoneID(changed.Zone)), Comment: &changed.Comment, ExpiryTime: &changed.Expires, ResourceIdentifier: &changed.Resource,
		StartTime: &changed.Started, Status: changed.Status, ZonalShiftId: &changed.ID,
	}, nil
}

// ListZonalShifts lists shifts, the newest first.
func (s *Service) ListZonalShifts(ctx context.Context, in *arczonalshift.ListZonalShiftsInput) (*arczonalshift.ListZonalShiftsOutput, error) {
	var all []*shift
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		all, err = shifts.List(tx, cloud.RegionOf(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	now := s.now()
	all = slices.DeleteFunc(slices.Clone(all), func(one *shift) bool {
		return in.Status != "" && one.status(now) != in.Status || in.ResourceIdentifier != nil && one.Resource != *in.ResourceIdentifier && one.Name != *in.ResourceIdentifier
	})
	slices.SortFunc(all, func(a, b *shift) int { return cmp.Compare(listKey(a), listKey(b)) })
	cut, next, err := page(all, listKey, in.NextToken, in.MaxResults)
	out := &arczonalshift.ListZonalShiftsOutput{NextToken: next}
	for _, one := range cut {
		out.Items = append(out.Items, types.ZonalShiftSummary{
			AwayFrom: aws.String(cloud.ZoneID(one.Zone)), Comment: &one.Comment, ExpiryTime: &one.Expires, ResourceIdentifier: &one.Resource,
			StartTime: &one.Started, Status: one.status(now), ZonalShiftId: &one.ID,
		})
	}
	return out, err
}

// listKey orders shifts from the newest to the oldest.
func listKey(one *shift) string {
	const end = 1 << 62
	return cloudKey(end-one.Started.UnixNano()) + one.ID
}

// newID returns the id of a shift, which has the form of a UUID.
func newID() string {
	id := cloud.RandomHex(32)
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}
