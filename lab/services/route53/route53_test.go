package route53_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
	lab "haven/lab/services/route53"
	"haven/lab/wire/wiretest"
)

type fixture struct {
	*route53.Client
	service *lab.Service
	store   *cloud.Store
}

func open(t *testing.T) fixture {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	service := lab.New(store, slog.New(slog.DiscardHandler))
	return fixture{route53.NewFromConfig(wiretest.New(t, map[string]any{"route53": service})), service, store}
}

func (f fixture) zone(t *testing.T, name, vpc string) *string {
	t.Helper()
	in := &route53.CreateHostedZoneInput{Name: &name, CallerReference: aws.String(cloud.NewUUID())}
	if vpc != "" {
		in.VPC = &types.VPC{VPCId: &vpc, VPCRegion: types.VPCRegionUsEast1}
	}
	out, err := f.CreateHostedZone(context.Background(), in)
	require.NoError(t, err)
	return out.HostedZone.Id
}

func (f fixture) change(zone *string, action types.ChangeAction, sets ...types.ResourceRecordSet) error {
	batch := &types.ChangeBatch{}
	for _, set := range sets {
		batch.Changes = append(batch.Changes, types.Change{Action: action, ResourceRecordSet: &set})
	}
	_, err := f.ChangeResourceRecordSets(context.Background(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: zone, ChangeBatch: batch})
	return err
}

func record(name string, kind types.RRType, values ...string) types.ResourceRecordSet {
	set := types.ResourceRecordSet{Name: &name, Type: kind, TTL: aws.Int64(60)}
	for _, value := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: &value})
	}
	return set
}

func TestRecordsComeInRoute53sOrder(t *testing.T) {
	f := open(t)
	zone := f.zone(t, "haven.test", "vpc-1")
	require.NoError(t, f.change(zone, types.ChangeActionCreate,
		record("b.haven.test", types.RRTypeA, "192.0.2.1"), record("a.b.haven.test", types.RRTypeA, "192.0.2.2"),
		record("*.haven.test", types.RRTypeA, "192.0.2.3"), record("c.haven.test", types.RRTypeTxt, `"x"`)))
	list, err := f.ListResourceRecordSets(context.Background(), &route53.ListResourceRecordSetsInput{HostedZoneId: zone})
	require.NoError(t, err)
	var names []string
	for _, set := range list.ResourceRecordSets {
		names = append(names, *set.Name+" "+string(set.Type))
	}
	require.Equal(t, []string{"haven.test. NS", "haven.test. SOA", `\052.haven.test. A`, "b.haven.test. A", "a.b.haven.test. A", "c.haven.test. TXT"}, names)

	from, err := f.ListResourceRecordSets(context.Background(), &route53.ListResourceRecordSetsInput{
		HostedZoneId: zone, StartRecordName: aws.String("b.haven.test"), StartRecordType: types.RRTypeA, MaxItems: aws.Int32(1),
	})
	require.NoError(t, err)
	require.Equal(t, "b.haven.test.", *from.ResourceRecordSets[0].Name)
	require.Equal(t, "a.b.haven.test.", *from.NextRecordName)
}

func TestABatchIsAllOrNothing(t *testing.T) {
	f := open(t)
	zone := f.zone(t, "haven.test", "")
	err := f.change(zone, types.ChangeActionCreate, record("ok.haven.test", types.RRTypeA, "192.0.2.1"), record("other.test", types.RRTypeA, "192.0.2.1"), record("bad.haven.test", types.RRTypeA, "x"))
	require.ErrorContains(t, err, "not permitted in zone")
	require.ErrorContains(t, err, "not a valid address", "every problem is told")
	got, err := f.GetHostedZone(context.Background(), &route53.GetHostedZoneInput{Id: zone})
	require.NoError(t, err)
	require.EqualValues(t, 2, *got.HostedZone.ResourceRecordSetCount)
}

func TestWhatChangesRefuse(t *testing.T) {
	f := open(t)
	zone := f.zone(t, "haven.test", "")
	a := record("a.haven.test", types.RRTypeA, "192.0.2.1")
	require.NoError(t, f.change(zone, types.ChangeActionCreate, a))
	require.ErrorContains(t, f.change(zone, types.ChangeActionCreate, a), "already exists")
	require.ErrorContains(t, f.change(zone, types.ChangeActionCreate, record("a.haven.test", types.RRTypeCname, "b.test")), "conflicting RRSet")
	require.ErrorContains(t, f.change(zone, types.ChangeActionDelete, record("a.haven.test", types.RRTypeA, "192.0.2.9")), "do not match")
	require.ErrorContains(t, f.change(zone, types.ChangeActionDelete, record("b.haven.test", types.RRTypeA, "192.0.2.9")), "not found")
	geo := a
	geo.GeoLocation, geo.SetIdentifier = &types.GeoLocation{CountryCode: aws.String("DE")}, aws.String("x")
	require.ErrorContains(t, f.change(zone, types.ChangeActionUpsert, geo), "does not implement the routing policy")
	weighted := a
	weighted.Weight, weighted.SetIdentifier = aws.Int64(1), aws.String("x")
	require.ErrorContains(t, f.change(zone, types.ChangeActionUpsert, weighted), "conflicts with one of the policy simple")

	_, err := f.DeleteHostedZone(context.Background(), &route53.DeleteHostedZoneInput{Id: zone})
	require.ErrorContains(t, err, "HostedZoneNotEmpty")
	require.NoError(t, f.change(zone, types.ChangeActionDelete, a))
	_, err = f.DeleteHostedZone(context.Background(), &route53.DeleteHostedZoneInput{Id: zone})
	require.NoError(t, err)
	var missing *types.NoSuchHostedZone
	_, err = f.GetHostedZone(context.Background(), &route53.GetHostedZoneInput{Id: zone})
	require.ErrorAs(t, err, &missing)
}

func TestPrivateNamesBelongToTheirVPC(t *testing.T) {
	f := open(t)
	zone := f.zone(t, "haven.test", "vpc-1")
	require.NoError(t, f.change(zone, types.ChangeActionUpsert, types.ResourceRecordSet{
		Name: aws.String("www.haven.test"), Type: types.RRTypeA,
		AliasTarget: &types.AliasTarget{DNSName: aws.String("web-1.us-east-1.elb.amazonaws.com"), HostedZoneId: aws.String("Z35SXDOTRQ7X7K")},
	}))
	require.NoError(t, f.store.View(func(tx *cloud.Tx) error {
		names, err := f.service.Names(tx)
		require.NoError(t, err)
		require.Contains(t, names, dns.Record{Name: "www.haven.test.", Type: dns.TypeA, Alias: "web-1.us-east-1.elb.amazonaws.com", VPC: "vpc-1"})
		for _, name := range names {
			require.Equal(t, "vpc-1", name.VPC)
		}
		return nil
	}))
	_, err := f.CreateHostedZone(context.Background(), &route53.CreateHostedZoneInput{
		Name: aws.String("haven.test"), CallerReference: aws.String("again"), VPC: &types.VPC{VPCId: aws.String("vpc-1"), VPCRegion: types.VPCRegionUsEast1},
	})
	var conflict *types.ConflictingDomainExists
	require.ErrorAs(t, err, &conflict)
}
