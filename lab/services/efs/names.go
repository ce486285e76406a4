package efs

import (
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

const nameTTL = 60 // seconds

// Names returns the DNS records of file systems. A file system's name means the mount target of the asker's own zone,
// and is known only in the VPC of its mount targets; a zone's name means that zone's for everybody in the VPC:
// https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-mount-cmd-dns-name.html
func (s *Service) Names(tx *cloud.Tx) ([]dns.Record, error) {
	all, err := mountTargets.ListAll(tx)
	var records []dns.Record
	for _, m := range all {
		if m.State != types.LifeCycleStateAvailable {
			continue
		}
		name := m.FileSystem + ".efs." + m.Region + ".amazonaws.com"
		record := dns.Record{Name: name, Type: dns.TypeA, TTL: nameTTL, Values: []string{m.Address}, VPC: m.VPC, Zone: m.Zone}
		records = append(records, record)
		record.Name, record.Zone = m.Zone+"."+name, ""
		records = append(records, record)
	}
	return records, err
}
