package adopt

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// finders has, for each type whose creation cannot just be done again, how to look it up.
var finders = map[string]finder{
	"aws:ec2/eip:Eip":                                           tagged("elastic-ip"),
	"aws:ec2/flowLog:FlowLog":                                   tagged("vpc-flow-log"),
	"aws:ec2/internetGateway:InternetGateway":                   tagged("internet-gateway"),
	"aws:ec2/launchTemplate:LaunchTemplate":                     tagged("launch-template"),
	"aws:ec2/natGateway:NatGateway":                             natGateway,
	"aws:ec2/networkAcl:NetworkAcl":                             tagged("network-acl"),
	"aws:ec2/route:Route":                                       route,
	"aws:ec2/routeTable:RouteTable":                             tagged("route-table"),
	"aws:ec2/routeTableAssociation:RouteTableAssociation":       routeTableAssociation,
	"aws:ec2/securityGroup:SecurityGroup":                       tagged("security-group"),
	"aws:ec2/subnet:Subnet":                                     subnet,
	"aws:ec2/vpc:Vpc":                                           tagged("vpc"),
	"aws:ec2/vpcEndpoint:VpcEndpoint":                           vpcEndpoint,
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":   groupRule(true),
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": groupRule(false),

	"aws:acm/certificate:Certificate":               certificate,
	"aws:autoscaling/group:Group":                   scalingGroup,
	"aws:autoscaling/policy:Policy":                 scalingPolicy,
	"aws:cloudwatch/logGroup:LogGroup":              logGroup,
	"aws:cloudwatch/metricAlarm:MetricAlarm":        metricAlarm,
	"aws:fis/experimentTemplate:ExperimentTemplate": experimentTemplate,
	"aws:iam/instanceProfile:InstanceProfile":       instanceProfile,
	"aws:iam/role:Role":                             role,
	"aws:iam/rolePolicy:RolePolicy":                 rolePolicy,
	"aws:kms/alias:Alias":                           keyAlias,
	"aws:kms/key:Key":                               key,
	"aws:s3/bucketV2:BucketV2":                      bucket,
	"aws:sns/topic:Topic":                           topic,
	"aws:ssm/parameter:Parameter":                   parameter,

	"aws:efs/accessPoint:AccessPoint": accessPoint,
	"aws:efs/fileSystem:FileSystem":   fileSystem,
	"aws:efs/mountTarget:MountTarget": mountTarget,

	"aws:rds/cluster:Cluster":                             databaseCluster,
	"aws:rds/clusterInstance:ClusterInstance":             databaseMember,
	"aws:rds/clusterParameterGroup:ClusterParameterGroup": clusterParameters,
	"aws:rds/eventSubscription:EventSubscription":         eventSubscription,
	"aws:rds/parameterGroup:ParameterGroup":               memberParameters,
	"aws:rds/subnetGroup:SubnetGroup":                     databaseSubnets,

	"aws:lb/listener:Listener":         listener,
	"aws:lb/loadBalancer:LoadBalancer": loadBalancer,
	"aws:lb/targetGroup:TargetGroup":   targetGroup,

	"aws:networkfirewall/firewall:Firewall":                         firewall,
	"aws:networkfirewall/firewallPolicy:FirewallPolicy":             firewallPolicy,
	"aws:networkfirewall/loggingConfiguration:LoggingConfiguration": firewallLogging,
	"aws:networkfirewall/ruleGroup:RuleGroup":                       ruleGroup,
	"aws:wafv2/webAcl:WebAcl":                                       webACL,

	"aws:route53/record:Record": record,
	"aws:route53/zone:Zone":     zone,
}

// byName finds what is asked for by a name that is also its id; get fails when there is none.
func byName(property string, get func(ctx context.Context, config aws.Config, name *string) error) finder {
	return func(ctx context.Context, q question) (string, error) {
		name := q.in.Text(property)
		if name == "" {
			return "", fmt.Errorf("the state has no %s to look for", property)
		}
		return name, get(ctx, q.config, &name)
	}
}

// decimal writes a port as the state has it.
func decimal(n *int32) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(int(*n))
}

// sameName compares names of DNS with or without the dot at their end.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
