package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// endpointService is a service of AWS that a VPC can reach privately
// (https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html).
type endpointService struct {
	name    string // com.amazonaws.<region>.<short>
	short   string
	kinds   []types.VpcEndpointType
	private string // the DNS name that private DNS takes over
}

// interfaceServices are those with interface endpoints; the DNS name of each is <short>.<region>.amazonaws.com but for
// the exceptions.
var interfaceServices = []string{
	"acm", "autoscaling", "backup", "ec2", "ec2messages", "elasticfilesystem", "elasticloadbalancing", "events", "kms", "logs",
	"monitoring", "network-firewall", "rds", "s3", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "sts", "synthetics",
}

var privateNameExceptions = map[string]string{"s3": "*.s3"}

func endpointServices(region string) []endpointService {
	var all []endpointService
	for _, short := range append([]string{"dynamodb"}, interfaceServices...) {
		service := endpointService{name: "com.amazonaws." + region + "." + short, short: short}
		if short == "s3" || short == "dynamodb" {
			service.kinds = append(service.kinds, types.VpcEndpointTypeGateway)
		}
		if short != "dynamodb" {
			service.kinds = append(service.kinds, types.VpcEndpointTypeInterface)
			prefix := short
			if exception := privateNameExceptions[short]; exception != "" {
				prefix = exception
			}
			service.private = prefix + "." + region + ".amazonaws.com"
		}
		all = append(all, service)
	}
	return all
}

func findEndpointService(region, name string) (endpointService, error) {
	for _, service := range endpointServices(region) {
		if service.name == name {
			return service, nil
		}
	}
	return endpointService{}, cloud.Errorf("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", name)
}

var endpointServiceFilters = filterSet[types.ServiceDetail]{
	tags: func(d *types.ServiceDetail) []types.Tag { return d.Tags },
	named: map[string]func(*types.ServiceDetail) []string{
		"owner":          func(d *types.ServiceDetail) []string { return text(d.Owner) },
		"service-name":   func(d *types.ServiceDetail) []string { return text(d.ServiceName) },
		"service-region": func(d *types.ServiceDetail) []string { return text(d.ServiceRegion) },
		"service-type": func(d *types.ServiceDetail) []string {
			return each(d.ServiceType, func(t types.ServiceTypeDetail) []string { return []string{string(t.ServiceType)} })
		},
		"supported-ip-address-types": func(*types.ServiceDetail) []string { return []string{"ipv4"} },
	},
}

// DescribeVpcEndpointServices lists the services that endpoints can be made for.
func (s *Service) DescribeVpcEndpointServices(ctx context.Context, in *ec2.DescribeVpcEndpointServicesInput) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	region := cloud.RegionOf(ctx)
	if len(in.ServiceRegions) > 0 && !slices.Contains(in.ServiceRegions, region) {
		return nil, cloud.Unsupportedf("UnsupportedOperation", "endpoint services of other regions: %s", strings.Join(in.ServiceRegions, ", "))
	}
	for _, name := range in.ServiceNames {
		if _, err := findEndpointService(region, name); err != nil {
			return nil, err
		}
	}
	answer := page[types.ServiceDetail]{set: endpointServiceFilters}
	for _, service := range endpointServices(region) {
		if len(in.ServiceNames) > 0 && !slices.Contains(in.ServiceNames, service.name) {
			continue
		}
		answer.add(service.name, showEndpointService(service, region))
	}
	details, next, err := answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	out := &ec2.DescribeVpcEndpointServicesOutput{ServiceDetails: details, NextToken: next}
	for _, detail := range details {
		out.ServiceNames = append(out.ServiceNames, *detail.ServiceName)
	}
	return out, err
}

func showEndpointService(service endpointService, region string) types.ServiceDetail {
	known, _ := cloud.FindRegion(region)
	detail := types.ServiceDetail{
		ServiceName: aws.String(service.name), Owner: aws.String("amazon"), ServiceRegion: aws.String(region),
		AvailabilityZones: known.Zones, AcceptanceRequired: aws.Bool(false), ManagesVpcEndpoints: aws.Bool(false),
		VpcEndpointPolicySupported: aws.Bool(true), BaseEndpointDnsNames: []string{service.short + "." + region + ".vpce.amazonaws.com"},
		PrivateDnsName: optional(service.private), SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
	}
	if service.private != "" {
		detail.PrivateDnsNames = []types.PrivateDnsDetails{{PrivateDnsName: aws.String(service.private)}}
	}
	for _, kind := range service.kinds {
		detail.ServiceType = append(detail.ServiceType, types.ServiceTypeDetail{ServiceType: types.ServiceType(kind)})
	}
	return detail
}
