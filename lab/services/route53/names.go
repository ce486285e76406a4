package route53

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

// served are the record types that the lab's resolvers answer; other types are kept, not answered.
var served = map[types.RRType]string{
	types.RRTypeA: dns.TypeA, types.RRTypeAaaa: dns.TypeAAAA, types.RRTypeCname: dns.TypeCNAME, types.RRTypeTxt: dns.TypeTXT,
	types.RRTypeSrv: dns.TypeSRV, types.RRTypePtr: dns.TypePTR, types.RRTypeNs: dns.TypeNS, types.RRTypeMx: dns.TypeMX, types.RRTypeSoa: dns.TypeSOA,
}

// Names are the records that resolvers answer now, as health checks stand: those of a private zone in its VPCs only.
func (s *Service) Names(tx *cloud.Tx) ([]dns.Record, error) {
	all, err := zones.ListAll(tx)
	if err != nil {
		return nil, err
	}
	status, err := healthOf(tx)
	if err != nil {
		return nil, err
	}
	var names []dns.Record
	for _, z := range all {
		judge := &tree{tx: tx, zone: z, status: status, balancers: s.Balancers}
		for _, g := range groups(z.Records) {
			for _, record := range answers(g, judge.healthy) {
				names = append(names, z.seen(record)...)
			}
		}
		if judge.err != nil {
			return nil, judge.err
		}
	}
	return names, nil
}

// seen returns a record for everyone or, of a private zone, for each of its VPCs.
func (z *zone) seen(record dns.Record) []dns.Record {
	if !z.Private {
		return []dns.Record{record}
	}
	var each []dns.Record
	for _, vpc := range z.VPCs {
		record.VPC = aws.ToString(vpc.VPCId)
		each = append(each, record)
	}
	return each
}

// answers returns the records of a group among which a resolver may choose.
func answers(g group, healthy func(types.ResourceRecordSet) bool) []dns.Record {
	kind, ok := served[g[0].Type]
	if !ok {
		return nil
	}
	chosen := g.eligible(healthy)
	var records []dns.Record
	if policyOf(g[0]) == routingLatency {
		for _, region := range cloud.Regions() {
			record := answer(chosen.closest(region.Name), kind)
			record.Region = region.Name
			records = append(records, record)
		}
		return records
	}
	for _, set := range chosen {
		records = append(records, answer(set, kind))
	}
	return records
}

func answer(set types.ResourceRecordSet, kind string) dns.Record {
	record := dns.Record{
		Name: strings.ReplaceAll(*set.Name, `\052`, "*"), Type: kind, TTL: int(aws.ToInt64(set.TTL)), Weight: int(aws.ToInt64(set.Weight)),
	}
	if set.Weight != nil {
		record.Set = aws.ToString(set.SetIdentifier)
	}
	if set.AliasTarget != nil {
		record.Alias = strings.TrimPrefix(aws.ToString(set.AliasTarget.DNSName), "dualstack.")
		return record
	}
	for _, value := range set.ResourceRecords {
		record.Values = append(record.Values, strings.Trim(aws.ToString(value.Value), `"`))
	}
	return record
}

// HasCNAME tells whether a public zone has a CNAME with a value, as certificate validation asks.
func (s *Service) HasCNAME(tx *cloud.Tx, name, value string) (bool, error) {
	all, err := zones.ListAll(tx)
	for _, z := range all {
		for _, set := range z.Records {
			if z.Private || set.Type != types.RRTypeCname || *set.Name != canonical(name) {
				continue
			}
			for _, record := range set.ResourceRecords {
				if canonical(aws.ToString(record.Value)) == canonical(value) {
					return true, nil
				}
			}
		}
	}
	return false, err
}
