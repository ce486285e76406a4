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

// Names are the records that resolvers answer: those of a private zone in its VPCs only.
func (s *Service) Names(tx *cloud.Tx) ([]dns.Record, error) {
	all, err := zones.ListAll(tx)
	if err != nil {
		return nil, err
	}
	var names []dns.Record
	for _, z := range all {
		for _, set := range z.Records {
			record, ok := answer(set)
			if !ok {
				continue
			}
			if !z.Private {
				names = append(names, record)
			}
			for _, vpc := range z.VPCs {
				record.VPC = aws.ToString(vpc.VPCId)
				names = append(names, record)
			}
		}
	}
	return names, nil
}

func answer(set types.ResourceRecordSet) (dns.Record, bool) {
	record := dns.Record{Name: strings.ReplaceAll(*set.Name, `\052`, "*"), TTL: int(aws.ToInt64(set.TTL)), Weight: int(aws.ToInt64(set.Weight))}
	if set.Weight != nil {
		record.Set = aws.ToString(set.SetIdentifier)
	}
	if set.AliasTarget != nil {
		record.Type, record.Values = dns.TypeAlias, []string{aws.ToString(set.AliasTarget.DNSName)}
		return record, set.Type == types.RRTypeA // an alias answers both address types; AAAA beside A adds nothing
	}
	kind, ok := served[set.Type]
	record.Type = kind
	for _, value := range set.ResourceRecords {
		record.Values = append(record.Values, strings.Trim(aws.ToString(value.Value), `"`))
	}
	return record, ok
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
