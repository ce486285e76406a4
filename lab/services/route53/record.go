package route53

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

// reversed puts a name's labels in Route 53's order: from the last to the first
// (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html).
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

// key orders record sets and tells them apart.
func key(set types.ResourceRecordSet) string {
	return reversed(canonical(aws.ToString(set.Name))) + "\x00" + string(set.Type) + "\x00" + aws.ToString(set.SetIdentifier)
}

// ChangeResourceRecordSets applies a batch of changes: all of them or none, and every problem is told.
func (s *Service) ChangeResourceRecordSets(_ context.Context, in *route53.ChangeResourceRecordSetsInput) (*route53.ChangeResourceRecordSetsOutput, error) {
	_, err := s.change(in.HostedZoneId, func(tx *cloud.Tx, z *zone) error {
		var problems []string
		for _, change := range in.ChangeBatch.Changes {
			if id := change.ResourceRecordSet.HealthCheckId; id != nil && change.Action != types.ChangeActionDelete {
				if _, err := findCheck(tx, id); err != nil {
					return err
				}
			}
			if err := z.apply(change.Action, *change.ResourceRecordSet); err != nil {
				problems = append(problems, err.Error())
			}
		}
		if len(problems) > 0 {
			return cloud.Errorf("InvalidChangeBatch", "[%s]", strings.Join(problems, ", "))
		}
		return nil
	})
	return &route53.ChangeResourceRecordSetsOutput{}, err
}

func (z *zone) apply(action types.ChangeAction, set types.ResourceRecordSet) error {
	set.Name = aws.String(canonical(aws.ToString(set.Name)))
	if err := z.check(set); err != nil && action != types.ChangeActionDelete {
		return err
	}
	at, found := slices.BinarySearchFunc(z.Records, key(set), func(r types.ResourceRecordSet, k string) int { return strings.Compare(key(r), k) })
	what := fmt.Sprintf("resource record set [name='%s', type='%s']", *set.Name, set.Type)
	switch {
	case action == types.ChangeActionDelete && !found:
		return fmt.Errorf("Tried to delete %s but it was not found", what)
	case action == types.ChangeActionDelete && !same(z.Records[at], set):
		return fmt.Errorf("Tried to delete %s but the values provided do not match the current values", what)
	case action == types.ChangeActionDelete && *set.Name == z.Name && (set.Type == types.RRTypeNs || set.Type == types.RRTypeSoa):
		return fmt.Errorf("A HostedZone must contain at least one %s record for the zone itself", set.Type)
	case action == types.ChangeActionDelete:
		z.Records = slices.Delete(z.Records, at, at+1)
	case action == types.ChangeActionCreate && found:
		return fmt.Errorf("Tried to create %s but it already exists", what)
	case found:
		z.Records[at] = set
	default:
		z.Records = slices.Insert(z.Records, at, set)
	}
	return nil
}

func same(a, b types.ResourceRecordSet) bool {
	values := func(set types.ResourceRecordSet) (texts []string) {
		for _, record := range set.ResourceRecords {
			texts = append(texts, aws.ToString(record.Value))
		}
		slices.Sort(texts)
		return texts
	}
	target := func(set types.ResourceRecordSet) string {
		if set.AliasTarget == nil {
			return ""
		}
		return canonical(aws.ToString(set.AliasTarget.DNSName)) + aws.ToString(set.AliasTarget.HostedZoneId)
	}
	return slices.Equal(values(a), values(b)) && aws.ToInt64(a.TTL) == aws.ToInt64(b.TTL) && target(a) == target(b) && aws.ToInt64(a.Weight) == aws.ToInt64(b.Weight) &&
		policyOf(a) == policyOf(b) && a.Failover == b.Failover && a.Region == b.Region && aws.ToString(a.HealthCheckId) == aws.ToString(b.HealthCheckId)
}

// check refuses what Route 53 would, and the routing policies that the lab can't honour.
func (z *zone) check(set types.ResourceRecordSet) error {
	name := *set.Name
	what := fmt.Sprintf("'%s' %s", name, set.Type)
	switch {
	case name != z.Name && !strings.HasSuffix(name, "."+z.Name):
		return fmt.Errorf("RRSet with DNS name %s is not permitted in zone %s", name, z.Name)
	case policyOf(set) == "":
		return fmt.Errorf("The lab does not implement the routing policy of %s: geolocation, geoproximity and CIDR routing", what)
	case set.Region != "" && !isRegion(set.Region):
		return fmt.Errorf("The lab does not have the region %s of %s", set.Region, what)
	case set.TrafficPolicyInstanceId != nil:
		return fmt.Errorf("The lab does not implement traffic policies (%s)", what)
	case (policyOf(set) != routingSimple) != (set.SetIdentifier != nil):
		return fmt.Errorf("A record with a routing policy other than simple has a SetIdentifier, and only then: %s", what)
	case aws.ToInt64(set.Weight) < 0 || aws.ToInt64(set.Weight) > 255:
		return fmt.Errorf("A weight is from 0 to 255: %s", what)
	case aws.ToBool(set.MultiValueAnswer) && (set.AliasTarget != nil || set.Type == types.RRTypeCname || set.Type == types.RRTypeNs):
		return fmt.Errorf("A multivalue answer record can't be an alias, a CNAME or an NS: %s", what)
	case set.AliasTarget != nil && (set.TTL != nil || len(set.ResourceRecords) > 0):
		return fmt.Errorf("An alias has neither TTL nor values: %s", what)
	case set.AliasTarget == nil && (set.TTL == nil || len(set.ResourceRecords) == 0):
		return fmt.Errorf("A record that is no alias has a TTL and values: %s", what)
	case set.Type == types.RRTypeCname && name == z.Name:
		return fmt.Errorf("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", name, z.Name)
	}
	if err := z.fits(set); err != nil {
		return err
	}
	if other := z.conflict(set); other != "" {
		return fmt.Errorf("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type %s with the same DNS name already exists", set.Type, name, other)
	}
	return checkValues(set)
}

// fits refuses a record whose routing differs from that of others with its name and type, or that is one too many.
func (z *zone) fits(set types.ResourceRecordSet) error {
	for _, other := range z.Records {
		if *other.Name != *set.Name || other.Type != set.Type || aws.ToString(other.SetIdentifier) == aws.ToString(set.SetIdentifier) {
			continue
		}
		what := fmt.Sprintf("[name='%s', type='%s', set-identifier='%s']", *set.Name, set.Type, aws.ToString(set.SetIdentifier))
		switch {
		case policyOf(other) != policyOf(set):
			return fmt.Errorf("RRSet %s with the routing policy %s conflicts with one of the policy %s: all of a name and type have the same", what, policyOf(set), policyOf(other))
		case set.Failover != "" && other.Failover == set.Failover:
			return fmt.Errorf("RRSet %s conflicts with another one that is %s, too", what, set.Failover)
		case set.Region != "" && other.Region == set.Region:
			return fmt.Errorf("RRSet %s conflicts with another one for the region %s", what, set.Region)
		}
	}
	return nil
}

// conflict finds a CNAME beside another type of the same name.
func (z *zone) conflict(set types.ResourceRecordSet) types.RRType {
	for _, other := range z.Records {
		if *other.Name == *set.Name && other.Type != set.Type && (other.Type == types.RRTypeCname || set.Type == types.RRTypeCname) {
			return other.Type
		}
	}
	return ""
}

func checkValues(set types.ResourceRecordSet) error {
	for _, record := range set.ResourceRecords {
		value := aws.ToString(record.Value)
		address, err := netip.ParseAddr(value)
		switch {
		case set.Type == types.RRTypeA && (err != nil || !address.Is4()),
			set.Type == types.RRTypeAaaa && (err != nil || !address.Is6()):
			return fmt.Errorf("Invalid Resource Record: '%s' is not a valid address of type %s", value, set.Type)
		case value == "":
			return fmt.Errorf("Invalid Resource Record: a value of '%s' is empty", *set.Name)
		}
	}
	return nil
}

// ListResourceRecordSets returns a zone's records in Route 53's order, from a name, type and identifier on.
func (s *Service) ListResourceRecordSets(_ context.Context, in *route53.ListResourceRecordSetsInput) (out *route53.ListResourceRecordSetsOutput, err error) {
	if in.StartRecordName == nil && in.StartRecordType != "" {
		return nil, cloud.Errorf("InvalidInput", "StartRecordType needs StartRecordName.")
	}
	most := 300
	if in.MaxItems != nil && *in.MaxItems < 300 {
		most = int(*in.MaxItems)
	}
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := find(tx, in.HostedZoneId)
		if err != nil {
			return err
		}
		sets := found.Records
		if in.StartRecordName != nil {
			from := key(types.ResourceRecordSet{Name: in.StartRecordName, Type: in.StartRecordType, SetIdentifier: in.StartRecordIdentifier})
			at, _ := slices.BinarySearchFunc(sets, from, func(r types.ResourceRecordSet, k string) int { return strings.Compare(key(r), k) })
			sets = sets[at:]
		}
		out = &route53.ListResourceRecordSetsOutput{MaxItems: aws.Int32(int32(most)), IsTruncated: len(sets) > most, ResourceRecordSets: []types.ResourceRecordSet{}}
		if out.IsTruncated {
			next := sets[most]
			out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = next.Name, next.Type, next.SetIdentifier
			sets = sets[:most]
		}
		out.ResourceRecordSets = append(out.ResourceRecordSets, sets...)
		return nil
	})
	return out, err
}
