package rds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

func (e *endpointRow) address() string {
	return fmt.Sprintf("%s.cluster-custom-%s.%s.rds.amazonaws.com", e.Name, hostID(e.Region), e.Region)
}

// has tells whether the endpoint leads to an instance of its cluster.
func (e *endpointRow) has(i *instanceRow, writer string) bool {
	switch {
	case e.Kind == "READER" && i.Name == writer:
		return false
	case len(e.Static) > 0:
		return slices.Contains(e.Static, i.Name)
	}
	return !slices.Contains(e.Excluded, i.Name)
}

func findEndpoint(tx *cloud.Tx, region, reference string) (*endpointRow, error) {
	row, err := endpoints.Get(tx, region, nameOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "DBClusterEndpointNotFoundFault", "DBClusterEndpoint not found: %s", nameOf(reference))
	}
	return row, err
}

func (e *endpointRow) check(tx *cloud.Tx) error {
	if e.Kind != "READER" && e.Kind != "ANY" {
		return cloud.Errorf("InvalidParameterValue", "Invalid endpoint type: %s. Must be READER or ANY.", e.Kind)
	}
	if len(e.Static) > 0 && len(e.Excluded) > 0 {
		return cloud.Errorf("InvalidParameterCombination", "You can't specify both StaticMembers and ExcludedMembers.")
	}
	for _, name := range slices.Concat(e.Static, e.Excluded) {
		instance, err := findInstance(tx, e.Region, name)
		if err != nil {
			return err
		}
		if instance.Cluster != e.Cluster {
			return cloud.Errorf("InvalidParameterValue", "DB instance %s is not a member of the cluster %s.", name, e.Cluster)
		}
	}
	return nil
}

// CreateDBClusterEndpoint makes a custom endpoint.
func (s *Service) CreateDBClusterEndpoint(ctx context.Context, in *rds.CreateDBClusterEndpointInput) (*rds.CreateDBClusterEndpointOutput, error) {
	out := &rds.CreateDBClusterEndpointOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		cluster, err := findCluster(tx, region, aws.ToString(in.DBClusterIdentifier))
		if err != nil {
			return err
		}
		name := nameOf(aws.ToString(in.DBClusterEndpointIdentifier))
		if err := checkIdentifier("DBClusterEndpointIdentifier", name); err != nil {
			return err
		}
		if existing, err := endpoints.Get(tx, region, name); err != nil || existing != nil {
			return orExists(err, "DBClusterEndpointAlreadyExistsFault", "The DB cluster endpoint %s already exists.", name)
		}
		row := &endpointRow{
			Name: name, ResourceID: "cluster-endpoint-" + strings.ToUpper(cloud.RandomHex(26)), Region: region, Cluster: cluster.Name,
			Kind: strings.ToUpper(aws.ToString(in.EndpointType)), Static: lower(in.StaticMembers), Excluded: lower(in.ExcludedMembers),
		}
		if err := row.check(tx); err != nil {
			return err
		}
		if err := setTags(tx, region, row.arn(), in.Tags); err != nil {
			return err
		}
		d := row.describe()
		*out = rds.CreateDBClusterEndpointOutput{
			DBClusterEndpointIdentifier: d.DBClusterEndpointIdentifier, DBClusterIdentifier: d.DBClusterIdentifier, Endpoint: d.Endpoint,
			DBClusterEndpointArn: d.DBClusterEndpointArn, DBClusterEndpointResourceIdentifier: d.DBClusterEndpointResourceIdentifier,
			EndpointType: d.EndpointType, CustomEndpointType: d.CustomEndpointType, Status: d.Status, StaticMembers: d.StaticMembers, ExcludedMembers: d.ExcludedMembers,
		}
		return endpoints.Put(tx, region, name, row)
	})
}

// ModifyDBClusterEndpoint changes a custom endpoint's members.
func (s *Service) ModifyDBClusterEndpoint(ctx context.Context, in *rds.ModifyDBClusterEndpointInput) (*rds.ModifyDBClusterEndpointOutput, error) {
	out := &rds.ModifyDBClusterEndpointOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findEndpoint(tx, region, aws.ToString(in.DBClusterEndpointIdentifier))
		if err != nil {
			return err
		}
		row.Kind = strings.ToUpper(or(in.EndpointType, row.Kind))
		if in.StaticMembers != nil || in.ExcludedMembers != nil {
			row.Static, row.Excluded = lower(in.StaticMembers), lower(in.ExcludedMembers)
		}
		if err := row.check(tx); err != nil {
			return err
		}
		d := row.describe()
		*out = rds.ModifyDBClusterEndpointOutput{
			DBClusterEndpointIdentifier: d.DBClusterEndpointIdentifier, DBClusterIdentifier: d.DBClusterIdentifier, Endpoint: d.Endpoint,
			DBClusterEndpointArn: d.DBClusterEndpointArn, DBClusterEndpointResourceIdentifier: d.DBClusterEndpointResourceIdentifier,
			EndpointType: d.EndpointType, CustomEndpointType: d.CustomEndpointType, Status: d.Status, StaticMembers: d.StaticMembers, ExcludedMembers: d.ExcludedMembers,
		}
		return endpoints.Put(tx, region, row.Name, row)
	})
}

func (e *endpointRow) describe() types.DBClusterEndpoint {
	return types.DBClusterEndpoint{
		DBClusterEndpointIdentifier: aws.String(e.Name), DBClusterIdentifier: aws.String(e.Cluster), Endpoint: aws.String(e.address()),
		DBClusterEndpointArn: aws.String(e.arn()), DBClusterEndpointResourceIdentifier: aws.String(e.ResourceID), EndpointType: aws.String("CUSTOM"),
		CustomEndpointType: aws.String(e.Kind), Status: aws.String(statusAvailable), StaticMembers: e.Static, ExcludedMembers: e.Excluded,
	}
}

// DeleteDBClusterEndpoint deletes a custom endpoint.
func (s *Service) DeleteDBClusterEndpoint(ctx context.Context, in *rds.DeleteDBClusterEndpointInput) (*rds.DeleteDBClusterEndpointOutput, error) {
	out := &rds.DeleteDBClusterEndpointOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findEndpoint(tx, region, aws.ToString(in.DBClusterEndpointIdentifier))
		if err != nil {
			return err
		}
		d := row.describe()
		*out = rds.DeleteDBClusterEndpointOutput{
			DBClusterEndpointIdentifier: d.DBClusterEndpointIdentifier, DBClusterIdentifier: d.DBClusterIdentifier, Endpoint: d.Endpoint,
			DBClusterEndpointArn: d.DBClusterEndpointArn, DBClusterEndpointResourceIdentifier: d.DBClusterEndpointResourceIdentifier,
			EndpointType: d.EndpointType, CustomEndpointType: d.CustomEndpointType, Status: aws.String(statusDeleting), StaticMembers: d.StaticMembers, ExcludedMembers: d.ExcludedMembers,
		}
		if err := tags.Delete(tx, region, row.arn()); err != nil {
			return err
		}
		return endpoints.Delete(tx, region, row.Name)
	})
}

// DescribeDBClusterEndpoints lists the writer, reader and custom endpoints of clusters.
func (s *Service) DescribeDBClusterEndpoints(ctx context.Context, in *rds.DescribeDBClusterEndpointsInput) (*rds.DescribeDBClusterEndpointsOutput, error) {
	wanted, err := filterNames(in.Filters, "db-cluster-endpoint-type", "db-cluster-endpoint-custom-type", "db-cluster-endpoint-id", "db-cluster-endpoint-status")
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterEndpointsOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := allEndpoints(tx, region)
		if err != nil {
			return err
		}
		if in.DBClusterIdentifier != nil {
			if _, err := findCluster(tx, region, *in.DBClusterIdentifier); err != nil {
				return err
			}
		}
		if in.DBClusterEndpointIdentifier != nil {
			if _, err := findEndpoint(tx, region, *in.DBClusterEndpointIdentifier); err != nil {
				return err
			}
		}
		all = slices.DeleteFunc(all, func(e types.DBClusterEndpoint) bool {
			id := aws.ToString(e.DBClusterEndpointIdentifier)
			return in.DBClusterIdentifier != nil && *e.DBClusterIdentifier != nameOf(*in.DBClusterIdentifier) ||
				in.DBClusterEndpointIdentifier != nil && id != nameOf(*in.DBClusterEndpointIdentifier) ||
				!passes(wanted, "db-cluster-endpoint-type", strings.ToLower(*e.EndpointType)) || !passes(wanted, "db-cluster-endpoint-id", id) ||
				!passes(wanted, "db-cluster-endpoint-custom-type", strings.ToLower(aws.ToString(e.CustomEndpointType))) ||
				!passes(wanted, "db-cluster-endpoint-status", *e.Status)
		})
		out.DBClusterEndpoints, out.Marker, err = page(all, func(e types.DBClusterEndpoint) string { return *e.Endpoint }, in.Marker, in.MaxRecords)
		return err
	})
}

func allEndpoints(tx *cloud.Tx, region string) ([]types.DBClusterEndpoint, error) {
	var all []types.DBClusterEndpoint
	rows, err := clusters.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, c := range rows {
		for kind, address := range map[string]string{"WRITER": c.endpoint(), "READER": c.readerEndpoint()} {
			all = append(all, types.DBClusterEndpoint{
				DBClusterIdentifier: aws.String(c.Name), Endpoint: aws.String(address), EndpointType: aws.String(kind), Status: aws.String(statusAvailable),
			})
		}
	}
	custom, err := endpoints.List(tx, region)
	for _, e := range custom {
		all = append(all, e.describe())
	}
	sortBy(all, func(a, b types.DBClusterEndpoint) int { return strings.Compare(*a.Endpoint, *b.Endpoint) })
	return all, err
}
