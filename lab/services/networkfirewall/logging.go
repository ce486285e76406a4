package networkfirewall

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// UpdateLoggingConfiguration sets where events go. As in AWS, one call adds, removes or changes one destination
// (https://docs.aws.amazon.com/network-firewall/latest/APIReference/API_UpdateLoggingConfiguration.html).
func (s *Service) UpdateLoggingConfiguration(ctx context.Context, in *networkfirewall.UpdateLoggingConfigurationInput) (*networkfirewall.UpdateLoggingConfigurationOutput, error) {
	var wanted []types.LogDestinationConfig
	if in.LoggingConfiguration != nil {
		wanted = in.LoggingConfiguration.LogDestinationConfigs
	}
	if err := checkDestinations(wanted); err != nil {
		return nil, err
	}
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, nil, func(_ *cloud.Tx, f *firewall) error {
		if changes := differences(f.Logging, wanted); changes > 1 {
			return cloud.Errorf("InvalidRequestException", "The call changes %d log destinations; change one at a time.", changes)
		}
		f.Logging, f.Dashboard = wanted, aws.ToBool(in.EnableMonitoringDashboard)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.UpdateLoggingConfigurationOutput{
		FirewallArn: &f.ARN, FirewallName: &f.Name, LoggingConfiguration: &types.LoggingConfiguration{LogDestinationConfigs: f.Logging},
	}, nil
}

func checkDestinations(wanted []types.LogDestinationConfig) error {
	for _, d := range wanted {
		if d.LogDestinationType != types.LogDestinationTypeCloudwatchLogs {
			return cloud.Unsupportedf("InvalidRequestException", "the log destination type %s", d.LogDestinationType)
		}
		if d.LogDestination["logGroup"] == "" {
			return cloud.Errorf("InvalidRequestException", "A destination of type CloudWatchLogs needs the key logGroup.")
		}
		if d.LogType == types.LogTypeTls {
			return cloud.Unsupportedf("InvalidRequestException", "the log type TLS")
		}
	}
	return nil
}

// differences counts the log types whose destination changes.
func differences(before, after []types.LogDestinationConfig) int {
	changed := 0
	for _, kind := range types.LogType("").Values() {
		if destination(before, kind) != destination(after, kind) {
			changed++
		}
	}
	return changed
}

func destination(all []types.LogDestinationConfig, kind types.LogType) string {
	i := slices.IndexFunc(all, func(d types.LogDestinationConfig) bool { return d.LogType == kind })
	if i < 0 {
		return ""
	}
	return all[i].LogDestination["logGroup"]
}

// DescribeLoggingConfiguration tells where events go.
func (s *Service) DescribeLoggingConfiguration(ctx context.Context, in *networkfirewall.DescribeLoggingConfigurationInput) (out *networkfirewall.DescribeLoggingConfigurationOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := findFirewall(tx, cloud.RegionOf(ctx), in.FirewallName, in.FirewallArn)
		if err != nil {
			return err
		}
		out = &networkfirewall.DescribeLoggingConfigurationOutput{
			FirewallArn: aws.String(found.ARN), EnableMonitoringDashboard: aws.Bool(found.Dashboard),
			LoggingConfiguration: &types.LoggingConfiguration{LogDestinationConfigs: found.Logging},
		}
		return nil
	})
	return out, err
}

// FirewallPolicy tells EC2 what an endpoint does with what crosses it; nil when no firewall has the endpoint.
func (s *Service) FirewallPolicy(tx *cloud.Tx, region, endpointID string) (*vpc.FirewallPolicy, error) {
	all, err := firewalls.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if i := slices.IndexFunc(f.Endpoints, func(e endpoint) bool { return e.EndpointID == endpointID }); i >= 0 {
			return s.policyAt(tx, region, f, f.Endpoints[i])
		}
	}
	return nil, nil
}

func (s *Service) policyAt(tx *cloud.Tx, region string, f *firewall, at endpoint) (*vpc.FirewallPolicy, error) {
	policy, err := findPolicy(tx, region, nil, &f.PolicyARN)
	if err != nil {
		return nil, err
	}
	rows, err := groupsOf(tx, region, policy.Policy)
	if err != nil {
		return nil, err
	}
	var groups []types.RuleGroup
	for _, row := range rows {
		groups = append(groups, row.Group)
	}
	blocks, err := s.endpoints.VPCBlocks(tx, region, f.VPC)
	if err != nil {
		return nil, err
	}
	result, err := translate(policy.Policy, groups, blocks)
	if err != nil {
		return nil, err
	}
	if group := destination(f.Logging, types.LogTypeAlert); group != "" && s.logs != nil {
		name := f.Name
		result.LogTo = func(event vpc.FirewallEvent) { s.record(region, group, name, at, event) }
	}
	return result, nil
}

// eve is an alert as Network Firewall logs it
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-logging-contents.html).
type eve struct {
	Firewall  string   `json:"firewall_name"`
	Zone      string   `json:"availability_zone"`
	Timestamp string   `json:"event_timestamp"`
	Event     eveEvent `json:"event"`
}

type eveEvent struct {
	Timestamp   string   `json:"timestamp"`
	Type        string   `json:"event_type"`
	Source      string   `json:"src_ip"`
	SourcePort  uint16   `json:"src_port"`
	Destination string   `json:"dest_ip"`
	DestPort    uint16   `json:"dest_port"`
	Protocol    string   `json:"proto"`
	Alert       eveAlert `json:"alert"`
}

type eveAlert struct {
	Action    string `json:"action"`
	Signature string `json:"signature"`
	SID       int    `json:"signature_id"`
}

var protocolNames = map[int]string{1: "ICMP", 6: "TCP", 17: "UDP"}

func line(firewall string, at endpoint, event vpc.FirewallEvent, now time.Time) (string, error) {
	action := "allowed"
	if event.Action == "drop" || event.Action == "reject" {
		action = "blocked"
	}
	raw, err := json.Marshal(eve{
		Firewall: firewall, Zone: at.Zone, Timestamp: strconv.FormatInt(now.Unix(), 10), Event: eveEvent{
			Timestamp: now.UTC().Format("2006-01-02T15:04:05.000000-0700"), Type: "alert",
			Source: event.Source.Addr().String(), SourcePort: event.Source.Port(),
			Destination: event.Destination.Addr().String(), DestPort: event.Destination.Port(), Protocol: protocolNames[event.Protocol],
			Alert: eveAlert{Action: action, Signature: event.Message, SID: event.SID},
		},
	})
	return string(raw), err
}

func (s *Service) record(region, group, firewall string, at endpoint, event vpc.FirewallEvent) {
	now := time.Now()
	text, err := line(firewall, at, event, now)
	if err == nil {
		stream := "/aws/network-firewall/alert/" + firewall + "_" + now.UTC().Format("2006-01-02-15")
		err = s.logs.Put(context.Background(), region, group, stream, []string{text})
	}
	if err != nil {
		s.log.Warn("a firewall event was not logged", "firewall", firewall, "group", group, "error", err)
	}
}
