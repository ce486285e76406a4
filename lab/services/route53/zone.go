package route53

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/dns"
	"haven/lab/timeline"
)

// zone is one row: a hosted zone with its records.
type zone struct {
	ID        string
	Name      string // lower case, with the trailing dot
	Reference string
	Comment   string
	Private   bool
	VPCs      []types.VPC
	Tags      map[string]string
	Records   []types.ResourceRecordSet // in Route 53's order
}

var zones = cloud.NewTable[zone]("route53.zones")

// Service answers Route 53's API. It belongs to no region.
type Service struct {
	store    *cloud.Store
	log      *slog.Logger
	internet Internet      // nil: nothing can be probed
	names    *dns.Table    // nil: nothing can be resolved
	reported chan struct{} // a checker has reported something

	mu      sync.Mutex // guards watches
	watches map[string]*watch

	// Balancers knows which balancers are healthy; nil: all are. Alarms knows the states of alarms; nil: there are none.
	// Set these, Metrics and Tell before Run and before the first request.
	Balancers Balancers
	Alarms    Alarms
	Metrics   metric.Sink
	Tell      timeline.Hook
}

// New returns the service over the lab's store.
func New(store *cloud.Store, log *slog.Logger) *Service {
	return &Service{store: store, log: log, reported: make(chan struct{}, 1), watches: map[string]*watch{}, Metrics: metric.Discard{}}
}

// Probe gives the service the internet that its checkers probe from, and the names that are known there.
func (s *Service) Probe(internet Internet, names *dns.Table) { s.internet, s.names = internet, names }

func (s *Service) lookup(name string) []string {
	if s.names == nil {
		return nil
	}
	return s.names.Lookup(dns.Asker{}, name, dns.TypeA)
}

const maximumListed = 100

func bare(id *string) string {
	text := aws.ToString(id)
	return text[strings.LastIndexByte(text, '/')+1:]
}

func find(tx *cloud.Tx, id *string) (*zone, error) {
	found, err := zones.Get(tx, cloud.Global, bare(id))
	if err == nil && found == nil {
		err = cloud.StatusErrorf(404, "NoSuchHostedZone", "No hosted zone found with ID: %s", bare(id))
	}
	return found, err
}

func (z *zone) put(tx *cloud.Tx) error { return zones.Put(tx, cloud.Global, z.ID, z) }

func (z *zone) describe() *types.HostedZone {
	described := &types.HostedZone{
		Id: aws.String("/hostedzone/" + z.ID), Name: aws.String(z.Name), CallerReference: aws.String(z.Reference),
		Config: &types.HostedZoneConfig{PrivateZone: z.Private}, ResourceRecordSetCount: aws.Int64(int64(len(z.Records))),
	}
	if z.Comment != "" {
		described.Config.Comment = aws.String(z.Comment)
	}
	return described
}

// nameServers are the four that a zone is delegated to; nobody answers there, in the lab resolvers answer themselves.
func (z *zone) nameServers() []string {
	var servers []string
	for i, domain := range []string{"com", "net", "org", "co.uk"} {
		servers = append(servers, fmt.Sprintf("ns-%d.awsdns-%02d.%s", 512*i+int(z.ID[1]), z.ID[2]%64, domain))
	}
	return servers
}

func canonical(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "*", `\052`))
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	return name
}

// CreateHostedZone makes a zone with its name server and authority records.
func (s *Service) CreateHostedZone(_ context.Context, in *route53.CreateHostedZoneInput) (*route53.CreateHostedZoneOutput, error) {
	made := &zone{
		ID: "Z" + strings.ToUpper(cloud.RandomHex(20)), Name: canonical(aws.ToString(in.Name)), Reference: aws.ToString(in.CallerReference), Tags: map[string]string{},
	}
	if in.HostedZoneConfig != nil {
		made.Comment, made.Private = aws.ToString(in.HostedZoneConfig.Comment), in.HostedZoneConfig.PrivateZone
	}
	if made.Private && in.VPC == nil {
		return nil, cloud.Errorf("InvalidInput", "When you're creating a private hosted zone, you must specify a VPC.")
	}
	if in.VPC != nil {
		made.Private, made.VPCs = true, []types.VPC{*in.VPC}
	}
	if err := checkName(made.Name); err != nil {
		return nil, err
	}
	made.addApex()
	err := s.store.Update(func(tx *cloud.Tx) error {
		if err := checkConflicts(tx, made); err != nil {
			return err
		}
		return made.put(tx)
	})
	if err != nil {
		return nil, err
	}
	out := &route53.CreateHostedZoneOutput{HostedZone: made.describe(), VPC: in.VPC, Location: aws.String("https://route53.amazonaws.com/2013-04-01/hostedzone/" + made.ID)}
	if !made.Private {
		out.DelegationSet = &types.DelegationSet{NameServers: made.nameServers()}
	}
	return out, nil
}

func checkName(name string) error {
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 || len(name) > 255 {
			return cloud.Errorf("InvalidDomainName", "%s is not a valid domain name.", name)
		}
	}
	return nil
}

func checkConflicts(tx *cloud.Tx, made *zone) error {
	all, err := zones.ListAll(tx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Reference == made.Reference {
			return cloud.StatusErrorf(409, "HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller reference.")
		}
		if other.Name != made.Name {
			continue
		}
		for _, vpc := range made.VPCs {
			if other.has(vpc) {
				return cloud.Errorf("ConflictingDomainExists", "The VPC %s is already associated with the private zone %s of this name.", aws.ToString(vpc.VPCId), other.ID)
			}
		}
	}
	return nil
}

func (z *zone) has(vpc types.VPC) bool {
	return slices.ContainsFunc(z.VPCs, func(v types.VPC) bool { return aws.ToString(v.VPCId) == aws.ToString(vpc.VPCId) })
}

func (z *zone) addApex() {
	var servers []types.ResourceRecord
	for _, server := range z.nameServers() {
		servers = append(servers, types.ResourceRecord{Value: aws.String(server + ".")})
	}
	authority := z.nameServers()[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
	z.Records = []types.ResourceRecordSet{
		{Name: aws.String(z.Name), Type: types.RRTypeNs, TTL: aws.Int64(172800), ResourceRecords: servers},
		{Name: aws.String(z.Name), Type: types.RRTypeSoa, TTL: aws.Int64(900), ResourceRecords: []types.ResourceRecord{{Value: &authority}}},
	}
}

// GetHostedZone returns a zone.
func (s *Service) GetHostedZone(_ context.Context, in *route53.GetHostedZoneInput) (out *route53.GetHostedZoneOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := find(tx, in.Id)
		if err != nil {
			return err
		}
		out = &route53.GetHostedZoneOutput{HostedZone: found.describe(), VPCs: found.VPCs}
		if !found.Private {
			out.DelegationSet = &types.DelegationSet{NameServers: found.nameServers()}
		}
		return nil
	})
	return out, err
}

// change applies one change to a zone.
func (s *Service) change(id *string, apply func(tx *cloud.Tx, z *zone) error) (changed *zone, err error) {
	err = s.store.Update(func(tx *cloud.Tx) error {
		if changed, err = find(tx, id); err != nil {
			return err
		}
		if err := apply(tx, changed); err != nil {
			return err
		}
		return changed.put(tx)
	})
	return changed, err
}

// UpdateHostedZoneComment changes the comment.
func (s *Service) UpdateHostedZoneComment(_ context.Context, in *route53.UpdateHostedZoneCommentInput) (*route53.UpdateHostedZoneCommentOutput, error) {
	changed, err := s.change(in.Id, func(_ *cloud.Tx, z *zone) error { z.Comment = aws.ToString(in.Comment); return nil })
	if err != nil {
		return nil, err
	}
	return &route53.UpdateHostedZoneCommentOutput{HostedZone: changed.describe()}, nil
}

// AssociateVPCWithHostedZone lets a VPC see a private zone.
func (s *Service) AssociateVPCWithHostedZone(_ context.Context, in *route53.AssociateVPCWithHostedZoneInput) (*route53.AssociateVPCWithHostedZoneOutput, error) {
	_ = in.Comment // a change's comment is not kept
	_, err := s.change(in.HostedZoneId, func(tx *cloud.Tx, z *zone) error {
		if !z.Private {
			return cloud.Errorf("PublicZoneVPCAssociation", "The hosted zone %s is public; a VPC can be associated with a private one only.", z.ID)
		}
		if z.has(*in.VPC) {
			return nil
		}
		if err := checkConflicts(tx, &zone{Name: z.Name, VPCs: []types.VPC{*in.VPC}, Reference: cloud.NewUUID()}); err != nil {
			return err
		}
		z.VPCs = append(z.VPCs, *in.VPC)
		return nil
	})
	return &route53.AssociateVPCWithHostedZoneOutput{}, err
}

// DisassociateVPCFromHostedZone hides a private zone from a VPC; the last one stays.
func (s *Service) DisassociateVPCFromHostedZone(_ context.Context, in *route53.DisassociateVPCFromHostedZoneInput) (*route53.DisassociateVPCFromHostedZoneOutput, error) {
	_ = in.Comment // a change's comment is not kept
	_, err := s.change(in.HostedZoneId, func(_ *cloud.Tx, z *zone) error {
		if !z.has(*in.VPC) {
			return cloud.StatusErrorf(404, "VPCAssociationNotFound", "The VPC %s is not associated with the hosted zone.", aws.ToString(in.VPC.VPCId))
		}
		if len(z.VPCs) == 1 {
			return cloud.Errorf("LastVPCAssociation", "The VPC is the last one of the private hosted zone; delete the zone instead.")
		}
		z.VPCs = slices.DeleteFunc(z.VPCs, func(v types.VPC) bool { return aws.ToString(v.VPCId) == aws.ToString(in.VPC.VPCId) })
		return nil
	})
	return &route53.DisassociateVPCFromHostedZoneOutput{}, err
}

// DeleteHostedZone removes a zone that has no records but its own two.
func (s *Service) DeleteHostedZone(_ context.Context, in *route53.DeleteHostedZoneInput) (*route53.DeleteHostedZoneOutput, error) {
	return &route53.DeleteHostedZoneOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, in.Id)
		if err != nil {
			return err
		}
		if len(found.Records) > 2 {
			return cloud.Errorf("HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets and so cannot be deleted.")
		}
		return zones.Delete(tx, cloud.Global, found.ID)
	})
}

func (s *Service) all() (all []*zone, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		all, err = zones.ListAll(tx)
		return err
	})
	return all, err
}

// ListHostedZones returns the account's zones.
func (s *Service) ListHostedZones(_ context.Context, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	if in.HostedZoneType == types.HostedZoneTypePrivateHostedZone {
		all = slices.DeleteFunc(all, func(z *zone) bool { return !z.Private })
	}
	most := items(in.MaxItems)
	page, next, err := cloud.Page(all, func(z *zone) string { return z.ID }, aws.ToString(in.Marker), most)
	if err != nil {
		return nil, cloud.Errorf("InvalidInput", "Marker: %v", err)
	}
	out := &route53.ListHostedZonesOutput{IsTruncated: next != "", MaxItems: aws.Int32(int32(most)), Marker: in.Marker, HostedZones: []types.HostedZone{}}
	if next != "" {
		out.NextMarker = &next
	}
	for _, z := range page {
		out.HostedZones = append(out.HostedZones, *z.describe())
	}
	return out, nil
}

func items(most *int32) int {
	if most == nil || *most > maximumListed {
		return maximumListed
	}
	return int(*most)
}

// ListHostedZonesByName returns zones in the order of their names, from a name on.
func (s *Service) ListHostedZonesByName(_ context.Context, in *route53.ListHostedZonesByNameInput) (*route53.ListHostedZonesByNameOutput, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	order := func(z *zone) string { return reversed(z.Name) + "\x00" + z.ID }
	slices.SortFunc(all, func(a, b *zone) int { return strings.Compare(order(a), order(b)) })
	if in.DNSName != nil {
		from := reversed(canonical(*in.DNSName)) + "\x00" + bare(in.HostedZoneId)
		all = slices.DeleteFunc(all, func(z *zone) bool { return order(z) < from })
	}
	most := items(in.MaxItems)
	out := &route53.ListHostedZonesByNameOutput{DNSName: in.DNSName, HostedZoneId: in.HostedZoneId, MaxItems: aws.Int32(int32(most)), IsTruncated: len(all) > most, HostedZones: []types.HostedZone{}}
	if out.IsTruncated {
		out.NextDNSName, out.NextHostedZoneId = aws.String(all[most].Name), aws.String(all[most].ID)
		all = all[:most]
	}
	for _, z := range all {
		out.HostedZones = append(out.HostedZones, *z.describe())
	}
	return out, nil
}

// ListHostedZonesByVPC returns the private zones that a VPC sees.
func (s *Service) ListHostedZonesByVPC(_ context.Context, in *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error) {
	_ = in.VPCRegion // VPC ids are unique over all regions of the lab
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(z *zone) bool { return !z.has(types.VPC{VPCId: in.VPCId}) })
	page, next, err := cloud.Page(all, func(z *zone) string { return z.ID }, aws.ToString(in.NextToken), items(in.MaxItems))
	if err != nil {
		return nil, cloud.Errorf("InvalidPaginationToken", "%v", err)
	}
	out := &route53.ListHostedZonesByVPCOutput{MaxItems: aws.Int32(int32(items(in.MaxItems))), HostedZoneSummaries: []types.HostedZoneSummary{}}
	if next != "" {
		out.NextToken = &next
	}
	for _, z := range page {
		out.HostedZoneSummaries = append(out.HostedZoneSummaries, types.HostedZoneSummary{
			HostedZoneId: aws.String(z.ID), Name: aws.String(z.Name), Owner: &types.HostedZoneOwner{OwningAccount: aws.String(cloud.Account)},
		})
	}
	return out, nil
}

// GetHostedZoneCount counts the account's zones.
func (s *Service) GetHostedZoneCount(context.Context, *route53.GetHostedZoneCountInput) (*route53.GetHostedZoneCountOutput, error) {
	all, err := s.all()
	return &route53.GetHostedZoneCountOutput{HostedZoneCount: aws.Int64(int64(len(all)))}, err
}

// GetChange says that a change is in force: it always is.
func (s *Service) GetChange(_ context.Context, in *route53.GetChangeInput) (*route53.GetChangeOutput, error) {
	return nil, cloud.StatusErrorf(404, "NoSuchChange", "A change with the ID %s does not exist: in the lab changes are in force at once and have no IDs.", strconv.Quote(bare(in.Id)))
}

// GetDNSSEC tells that a zone is not signed.
func (s *Service) GetDNSSEC(_ context.Context, in *route53.GetDNSSECInput) (*route53.GetDNSSECOutput, error) {
	err := s.store.View(func(tx *cloud.Tx) error {
		_, err := find(tx, in.HostedZoneId)
		return err
	})
	return &route53.GetDNSSECOutput{Status: &types.DNSSECStatus{ServeSignature: aws.String("NOT_SIGNING")}, KeySigningKeys: []types.KeySigningKey{}}, err
}

// ChangeTagsForResource adds and removes tags of zones and health checks.
func (s *Service) ChangeTagsForResource(_ context.Context, in *route53.ChangeTagsForResourceInput) (*route53.ChangeTagsForResourceOutput, error) {
	apply := func(tags map[string]string) {
		for _, name := range in.RemoveTagKeys {
			delete(tags, name)
		}
		for _, tag := range in.AddTags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	return &route53.ChangeTagsForResourceOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		return onTags(tx, in.ResourceType, in.ResourceId, apply)
	})
}

// onTags lets f see and change the tags of a zone or health check, and stores them in an update.
func onTags(tx *cloud.Tx, kind types.TagResourceType, id *string, f func(map[string]string)) error {
	if kind == types.TagResourceTypeHealthcheck {
		found, err := findCheck(tx, id)
		if err != nil {
			return err
		}
		f(found.Tags)
		return checks.Put(tx, cloud.Global, found.ID, found)
	}
	found, err := find(tx, id)
	if err != nil {
		return err
	}
	f(found.Tags)
	return found.put(tx)
}

// ListTagsForResource returns the tags of a zone or health check.
func (s *Service) ListTagsForResource(_ context.Context, in *route53.ListTagsForResourceInput) (*route53.ListTagsForResourceOutput, error) {
	set := &types.ResourceTagSet{ResourceId: aws.String(bare(in.ResourceId)), ResourceType: in.ResourceType, Tags: []types.Tag{}}
	err := s.store.Update(func(tx *cloud.Tx) error {
		return onTags(tx, in.ResourceType, in.ResourceId, func(tags map[string]string) {
			for name, value := range tags {
				set.Tags = append(set.Tags, types.Tag{Key: aws.String(name), Value: aws.String(value)})
			}
		})
	})
	slices.SortFunc(set.Tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return &route53.ListTagsForResourceOutput{ResourceTagSet: set}, err
}
