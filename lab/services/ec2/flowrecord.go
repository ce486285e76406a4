package ec2

import (
	"cmp"
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// flowFact is what a flow record tells about: a flow, where its interface is.
type flowFact struct {
	flow   vpc.Flow
	region string
	nic    *interfaceRow
}

// flowFields are the fields that the lab can tell
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
var flowFields = map[string]func(flowFact) string{
	"version":      func(flowFact) string { return "2" },
	"account-id":   func(flowFact) string { return cloud.Account },
	"interface-id": func(f flowFact) string { return f.flow.Interface },
	"srcaddr":      func(f flowFact) string { return f.flow.Source.Addr().String() },
	"dstaddr":      func(f flowFact) string { return f.flow.Destination.Addr().String() },
	"pkt-srcaddr":  func(f flowFact) string { return f.flow.Source.Addr().String() },
	"pkt-dstaddr":  func(f flowFact) string { return f.flow.Destination.Addr().String() },
	"srcport":      func(f flowFact) string { return strconv.Itoa(int(f.flow.Source.Port())) },
	"dstport":      func(f flowFact) string { return strconv.Itoa(int(f.flow.Destination.Port())) },
	"protocol":     func(f flowFact) string { return strconv.Itoa(f.flow.Protocol) },
	"packets":      func(f flowFact) string { return strconv.FormatUint(f.flow.Packets, 10) },
	"bytes":        func(f flowFact) string { return strconv.FormatUint(f.flow.Bytes, 10) },
	"start":        func(f flowFact) string { return strconv.FormatInt(f.flow.Start.Unix(), 10) },
	"end":          func(f flowFact) string { return strconv.FormatInt(f.flow.End.Unix(), 10) },
	"action":       func(f flowFact) string { return flowAction(f.flow) },
	"log-status":   func(flowFact) string { return "OK" },
	"vpc-id":       func(f flowFact) string { return f.nic.VPC },
	"subnet-id":    func(f flowFact) string { return f.nic.Subnet },
	"instance-id":  func(f flowFact) string { return cmp.Or(instanceOf(f.nic), "-") },
	"type":         func(flowFact) string { return "IPv4" },
	"region":       func(f flowFact) string { return f.region },
	"az-id":        func(f flowFact) string { return cloud.ZoneID(f.nic.Zone) },
}

func flowAction(flow vpc.Flow) string {
	if flow.Accepted {
		return "ACCEPT"
	}
	return "REJECT"
}

func instanceOf(nic *interfaceRow) string {
	if nic.Attachment == nil {
		return ""
	}
	return nic.Attachment.Instance
}

var flowField = regexp.MustCompile(`\$\{([^}]*)\}`)

// checkFlowFormat refuses fields that AWS does not know or the lab cannot tell.
func checkFlowFormat(format string) error {
	found := flowField.FindAllStringSubmatch(format, -1)
	if len(found) == 0 {
		return cloud.Errorf("InvalidParameter", "LogFormat has no field: write them as ${srcaddr}")
	}
	for _, field := range found {
		if flowFields[field[1]] == nil {
			return cloud.Errorf("InvalidParameter", "Unknown fields provided: [%s]. Either AWS has no such field, or the lab lacks it.", field[1])
		}
	}
	return nil
}

// record writes a flow in a flow log's format.
func (f flowFact) record(format string) string {
	return flowField.ReplaceAllStringFunc(format, func(field string) string {
		return flowFields[strings.Trim(field, "${}")](f)
	})
}

// watches tells whether the flow log is to have a record of the flow.
func (r *flowLogRow) watches(f flowFact) bool {
	if r.Resource != f.nic.VPC && r.Resource != f.nic.Subnet && r.Resource != f.nic.ID {
		return false
	}
	return r.Traffic == types.TrafficTypeAll || string(r.Traffic) == flowAction(f.flow)
}

// delivery is the records of one flow log about one interface: AWS keeps them in one stream.
type delivery struct {
	region, log, group, stream string
	lines                      []string
}

// RecordFlows delivers what the network counted to the flow logs that watch it; the realm calls it after each interval.
func (s *Service) RecordFlows(flows []vpc.Flow) {
	if s.logs == nil {
		return
	}
	var deliveries []*delivery
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		deliveries, err = sortFlows(tx, flows)
		return err
	})
	if err != nil {
		s.log.Error("sorting flow records", "error", err)
	}
	failures := map[[2]string]string{}
	for _, d := range deliveries {
		key := [2]string{d.region, d.log}
		failures[key] = cmp.Or(failures[key], "")
		if err := s.logs.Put(context.Background(), d.region, d.group, d.stream, d.lines); err != nil {
			failures[key] = err.Error()
		}
	}
	for key, failure := range failures {
		if err := s.noteDelivery(key[0], key[1], failure); err != nil {
			s.log.Error("noting a delivery of flow records", "flow log", key[1], "error", err)
		}
	}
}

// sortFlows makes records of flows for each flow log that watches their interface.
func sortFlows(tx *cloud.Tx, flows []vpc.Flow) ([]*delivery, error) {
	byKey := map[string]*delivery{}
	var deliveries []*delivery
	for _, region := range cloud.Regions() {
		logs, err := flowLogs.List(tx, region.Name)
		if err != nil || len(logs) == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		for _, flow := range flows {
			nic, err := interfaces.Get(tx, region.Name, flow.Interface)
			if err != nil {
				return nil, err
			}
			if nic == nil {
				continue
			}
			fact := flowFact{flow, region.Name, nic}
			for _, log := range logs {
				if !log.watches(fact) {
					continue
				}
				key := log.ID + nic.ID
				if byKey[key] == nil {
					byKey[key] = &delivery{region: region.Name, log: log.ID, group: log.Group, stream: nic.ID + "-" + strings.ToLower(string(log.Traffic))}
					deliveries = append(deliveries, byKey[key])
				}
				byKey[key].lines = append(byKey[key].lines, fact.record(log.Format))
			}
		}
	}
	return deliveries, nil
}

// noteDelivery keeps for DescribeFlowLogs whether the last delivery failed, and writes only when that changes.
func (s *Service) noteDelivery(region, id, failure string) error {
	changed := false
	err := s.store.View(func(tx *cloud.Tx) error {
		row, err := flowLogs.Get(tx, region, id)
		changed = row != nil && row.Failure != failure
		return err
	})
	if err != nil || !changed {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		row, err := flowLogs.Get(tx, region, id)
		if err != nil || row == nil {
			return err
		}
		row.Failure = failure
		return flowLogs.save(tx, region, row)
	})
}
