package fis

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// Parameters of resource types (https://docs.aws.amazon.com/fis/latest/userguide/targets.html#target-parameters).
const (
	parameterZone        = "availabilityZoneIdentifier"
	parameterZones       = "availabilityZoneIdentifiers"
	parameterWriterZones = "writerAvailabilityZoneIdentifiers"
	parameterVPC         = "vpc"
)

// resourceType is what experiments can act on.
type resourceType struct {
	description     string
	service, prefix string // of its ARNs
	parameters      map[string]string
	needs           []string // actions that its role needs to find it
	described       reflect.Type
	list            func(ctx context.Context, s *Service) ([]found, error)
}

// found is a resource as its service describes it.
type found struct {
	target
	described any
	zones     []string // what the parameter for zones compares with
	vpc       string
}

var resourceTypes = map[string]resourceType{
	"aws:ec2:instance": {
		description: "An EC2 instance", service: "ec2", prefix: "instance/", list: listInstances, needs: []string{"ec2:DescribeInstances"}, described: reflect.TypeFor[ec2types.Instance](),
		parameters: map[string]string{parameterZone: "The Availability Zone that contains the target instances, by name or ID"},
	},
	"aws:ec2:subnet": {
		description: "A subnet", service: "ec2", prefix: "subnet/", list: listSubnets, needs: []string{"ec2:DescribeSubnets"}, described: reflect.TypeFor[ec2types.Subnet](),
		parameters: map[string]string{parameterZone: "The Availability Zone that contains the target subnets, by name or ID", parameterVPC: "The VPC that contains the target subnets"},
	},
	"aws:rds:cluster": {
		description: "An Amazon Aurora DB cluster", service: "rds", prefix: "cluster:", list: listClusters, needs: []string{"rds:DescribeDBClusters"}, described: reflect.TypeFor[rdstypes.DBCluster](),
		parameters: map[string]string{parameterWriterZones: "The Availability Zones of the writer, separated by commas"},
	},
	"aws:rds:db": {
		description: "A DB instance", service: "rds", prefix: "db:", list: listDatabases, needs: []string{"rds:DescribeDBInstances"}, described: reflect.TypeFor[rdstypes.DBInstance](),
		parameters: map[string]string{parameterZones: "The Availability Zones of the DB instance, separated by commas"},
	},
}

// knows tells whether there is an attribute of a path, such as State.Name.
func (r resourceType) knows(path string) error {
	at := r.described
	for _, name := range strings.Split(path, ".") {
		for at.Kind() == reflect.Pointer || at.Kind() == reflect.Slice {
			at = at.Elem()
		}
		field, ok := reflect.StructField{}, false
		if at.Kind() == reflect.Struct {
			field, ok = at.FieldByName(name)
		}
		if !ok || !field.IsExported() {
			return fmt.Errorf("there is no attribute %s (of %s)", name, path)
		}
		at = field.Type
	}
	return nil
}

// texts returns the values of an attribute; lists have several.
func texts(value reflect.Value, path []string) []string {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return nil
		}
		return texts(value.Elem(), path)
	case reflect.Slice:
		var all []string
		for i := range value.Len() {
			all = append(all, texts(value.Index(i), path)...)
		}
		return all
	}
	if len(path) > 0 {
		return texts(value.FieldByName(path[0]), path[1:])
	}
	return []string{fmt.Sprint(value.Interface())}
}

// matches tells whether a resource is one that a target means.
func (f found) matches(t types.ExperimentTarget) bool {
	if len(t.ResourceArns) > 0 && !slices.Contains(t.ResourceArns, f.ARN) {
		return false
	}
	for key, value := range t.ResourceTags {
		if have, ok := f.Tags[key]; !ok || have != value {
			return false
		}
	}
	for _, filter := range t.Filters {
		have := texts(reflect.ValueOf(f.described), strings.Split(aws.ToString(filter.Path), "."))
		if !slices.ContainsFunc(have, func(value string) bool { return slices.Contains(filter.Values, value) }) {
			return false
		}
	}
	for name, value := range t.Parameters {
		if name == parameterVPC {
			if f.vpc != value[strings.LastIndexByte(value, '/')+1:] {
				return false
			}
		} else if !slices.ContainsFunc(f.zones, func(zone string) bool {
			wanted := strings.Split(value, ",")
			return zone != "" && (slices.Contains(wanted, zone) || slices.Contains(wanted, cloud.ZoneID(zone)))
		}) {
			return false
		}
	}
	return true
}

// selected returns how many of so many resources a selection mode takes. A share is rounded down.
func selected(mode string, of int) (int, error) {
	if mode == "ALL" {
		return of, nil
	}
	kind, rest, _ := strings.Cut(mode, "(")
	number, err := strconv.Atoi(strings.TrimSuffix(rest, ")"))
	good := err == nil && strings.HasSuffix(rest, ")")
	switch {
	case good && kind == "COUNT" && number > 0:
		return min(number, of), nil
	case good && kind == "PERCENT" && number > 0 && number <= 100:
		return of * number / 100, nil
	}
	return 0, fmt.Errorf("the selection mode %q is none of ALL, COUNT(n) and PERCENT(n)", mode)
}

// resolve finds the resources of a target and takes as many as it selects, at random.
func (s *Service) resolve(ctx context.Context, t types.ExperimentTarget) ([]target, error) {
	all, err := resourceTypes[*t.ResourceType].list(ctx, s)
	if err != nil {
		return nil, err
	}
	var matching []target
	for _, f := range all {
		if f.matches(t) {
			matching = append(matching, f.target)
		}
	}
	n, err := selected(aws.ToString(t.SelectionMode), len(matching))
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(matching), func(i, j int) { matching[i], matching[j] = matching[j], matching[i] })
	matching = matching[:n]
	slices.SortFunc(matching, func(a, b target) int { return strings.Compare(a.ARN, b.ARN) })
	return matching, nil
}

func listInstances(ctx context.Context, s *Service) ([]found, error) {
	out, err := s.deps.Instances.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	if err != nil {
		return nil, err
	}
	var all []found
	for _, reservation := range out.Reservations {
		for _, i := range reservation.Instances {
			if i.State.Name == ec2types.InstanceStateNameTerminated || i.State.Name == ec2types.InstanceStateNameShuttingDown {
				continue // they are no resources any more
			}
			all = append(all, found{
				target:    target{ARN: cloud.ARN("ec2", cloud.RegionOf(ctx), "instance/"+*i.InstanceId), ID: *i.InstanceId, Tags: ec2Tags(i.Tags)},
				described: i, zones: []string{aws.ToString(i.Placement.AvailabilityZone)}, vpc: aws.ToString(i.VpcId),
			})
		}
	}
	return all, nil
}

func listSubnets(ctx context.Context, s *Service) ([]found, error) {
	out, err := s.deps.Instances.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		return nil, err
	}
	var all []found
	for _, subnet := range out.Subnets {
		all = append(all, found{
			target:    target{ARN: cloud.ARN("ec2", cloud.RegionOf(ctx), "subnet/"+*subnet.SubnetId), ID: *subnet.SubnetId, Tags: ec2Tags(subnet.Tags)},
			described: subnet, zones: []string{aws.ToString(subnet.AvailabilityZone)}, vpc: aws.ToString(subnet.VpcId),
		})
	}
	return all, nil
}

func listClusters(ctx context.Context, s *Service) ([]found, error) {
	out, err := s.deps.Databases.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
	if err != nil {
		return nil, err
	}
	members, err := s.deps.Databases.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		return nil, err
	}
	zones := map[string]string{}
	for _, m := range members.DBInstances {
		zones[aws.ToString(m.DBInstanceIdentifier)] = aws.ToString(m.AvailabilityZone)
	}
	var all []found
	for _, c := range out.DBClusters {
		one := found{target: target{ARN: *c.DBClusterArn, ID: *c.DBClusterIdentifier, Tags: rdsTags(c.TagList)}, described: c}
		for _, m := range c.DBClusterMembers {
			if aws.ToBool(m.IsClusterWriter) {
				one.zones = append(one.zones, zones[aws.ToString(m.DBInstanceIdentifier)])
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func listDatabases(ctx context.Context, s *Service) ([]found, error) {
	out, err := s.deps.Databases.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		return nil, err
	}
	var all []found
	for _, i := range out.DBInstances {
		all = append(all, found{
			target:    target{ARN: *i.DBInstanceArn, ID: *i.DBInstanceIdentifier, Tags: rdsTags(i.TagList)},
			described: i, zones: []string{aws.ToString(i.AvailabilityZone)},
		})
	}
	return all, nil
}

func ec2Tags(tags []ec2types.Tag) map[string]string {
	all := map[string]string{}
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}

func rdsTags(tags []rdstypes.Tag) map[string]string {
	all := map[string]string{}
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}

// resolvedTargets tells what the targets were resolved to.
func (e *experimentRow) resolvedTargets(only string) []types.ResolvedTarget {
	all := []types.ResolvedTarget{}
	for _, name := range slices.Sorted(maps.Keys(e.Targets)) {
		if only != "" && name != only {
			continue
		}
		for _, t := range e.Targets[name] {
			all = append(all, types.ResolvedTarget{
				ResourceType: e.Experiment.Targets[name].ResourceType, TargetName: aws.String(name), TargetInformation: map[string]string{"arn": t.ARN},
			})
		}
	}
	return all
}
