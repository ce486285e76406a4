package route53

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

// TestDNSAnswer tells what resolvers outside get for a name of a public zone, as health checks stand.
func (s *Service) TestDNSAnswer(_ context.Context, in *route53.TestDNSAnswerInput) (*route53.TestDNSAnswerOutput, error) {
	var found *zone
	var names []dns.Record
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		if found, err = find(tx, in.HostedZoneId); err != nil {
			return err
		}
		names, err = s.Names(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if found.Private {
		return nil, cloud.Errorf("InvalidInput", "TestDNSAnswer is for public hosted zones; %s is private.", found.ID)
	}
	table := s.names // knows what aliases lead to
	if table == nil {
		table = dns.NewTable(dns.Services{})
		table.Replace(names)
	}
	name := canonical(aws.ToString(in.RecordName))
	kind, ok := served[in.RecordType]
	if !ok {
		return nil, cloud.Unsupportedf("InvalidInput", "answers of the type %s", in.RecordType)
	}
	values, exists := table.Ask(dns.Asker{}, name, kind)
	code := "NOERROR"
	if !exists || name != found.Name && !strings.HasSuffix(name, "."+found.Name) {
		code, values = "NXDOMAIN", nil
	}
	return &route53.TestDNSAnswerOutput{
		Nameserver: aws.String(found.nameServers()[0]), Protocol: aws.String("UDP"), RecordName: aws.String(strings.TrimSuffix(name, ".")), RecordType: in.RecordType,
		ResponseCode: &code, RecordData: append([]string{}, values...),
	}, nil
}
