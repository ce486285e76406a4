package rds

import (
	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

// nameTTL is in seconds:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-replicas-adding.html and
// https://docs.aws.amazon.com/whitepapers/latest/amazon-aurora-mysql-migration-handbook/dns-caching.html
const nameTTL = 5

// Names returns the DNS records of every endpoint. They follow what was observed: the cluster endpoint is the instance
// that accepts writes, the reader endpoint the readers that are available, or the writer when there is none.
func (s *Service) Names(tx *cloud.Tx) ([]dns.Record, error) {
	rows, err := clusters.ListAll(tx)
	if err != nil {
		return nil, err
	}
	var all []dns.Record
	for _, c := range rows {
		own, err := members(tx, c.Region, c.Name)
		if err != nil {
			return nil, err
		}
		var custom []*endpointRow
		list, err := endpoints.List(tx, c.Region)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if e.Cluster == c.Name {
				custom = append(custom, e)
			}
		}
		all = append(all, clusterNames(c, own, custom)...)
	}
	return all, nil
}

func clusterNames(c *clusterRow, own []*instanceRow, custom []*endpointRow) []dns.Record {
	var all []dns.Record
	var writer *instanceRow
	var readers []*instanceRow
	for _, m := range own {
		if m.Address == "" {
			continue
		}
		all = append(all, record(m.endpoint(), m))
		switch {
		case m.Name == c.Writer:
			writer = m
		case m.serves():
			readers = append(readers, m)
		}
	}
	if writer != nil {
		all = append(all, record(c.endpoint(), writer))
		if len(readers) == 0 {
			readers = []*instanceRow{writer}
		}
	}
	all = append(all, spread(c.readerEndpoint(), readers)...)
	for _, e := range custom {
		var behind []*instanceRow
		for _, m := range own {
			if m.serves() && e.has(m, c.Writer) {
				behind = append(behind, m)
			}
		}
		all = append(all, spread(e.address(), behind)...)
	}
	return all
}

// serves tells whether an endpoint may lead to the instance.
func (i *instanceRow) serves() bool {
	return i.Address != "" && (i.Status == statusAvailable || i.Status == statusStorageFull)
}

func record(name string, to *instanceRow) dns.Record {
	return dns.Record{Name: name, Type: dns.TypeA, TTL: nameTTL, Values: []string{to.Address}}
}

// spread gives each query one of the instances, in turn by chance.
func spread(name string, to []*instanceRow) []dns.Record {
	all := make([]dns.Record, 0, len(to))
	for _, m := range to {
		r := record(name, m)
		r.Set, r.Weight = m.ResourceID, 1
		all = append(all, r)
	}
	return all
}
