package elasticloadbalancingv2

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// CreateTargetGroup makes a target group for application load balancers.
func (s *Service) CreateTargetGroup(ctx context.Context, in *elasticloadbalancingv2.CreateTargetGroupInput) (*elasticloadbalancingv2.CreateTargetGroupOutput, error) {
	if err := checkNewGroup(in); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	g := &targetGroup{Attributes: map[string]string{}, Tags: tags, TargetGroup: types.TargetGroup{
		TargetGroupName: in.Name, Protocol: in.Protocol, Port: in.Port, VpcId: in.VpcId, TargetType: in.TargetType,
		ProtocolVersion: orText(in.ProtocolVersion, "HTTP1"), IpAddressType: types.TargetGroupIpAddressTypeEnumIpv4,
		HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckPort: orText(in.HealthCheckPort, "traffic-port"), HealthCheckPath: orText(in.HealthCheckPath, "/"),
		HealthCheckEnabled: aws.Bool(true), HealthCheckIntervalSeconds: orNumber(in.HealthCheckIntervalSeconds, 30),
		HealthCheckTimeoutSeconds: orNumber(in.HealthCheckTimeoutSeconds, 5), HealthyThresholdCount: orNumber(in.HealthyThresholdCount, 5),
		UnhealthyThresholdCount: orNumber(in.UnhealthyThresholdCount, 2), Matcher: in.Matcher,
	}}
	if g.TargetType == "" {
		g.TargetType = types.TargetTypeEnumInstance
	}
	if g.HealthCheckProtocol == "" {
		g.HealthCheckProtocol = types.ProtocolEnumHttp
	}
	if g.Matcher == nil || aws.ToString(g.Matcher.HttpCode) == "" && g.Matcher.GrpcCode == nil {
		g.Matcher = &types.Matcher{HttpCode: aws.String("200")}
	}
	if err := checkHealthCheck(&g.TargetGroup); err != nil {
		return nil, err
	}
	var made types.TargetGroup
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		g, err := createGroup(tx, region, g)
		if err != nil {
			return err
		}
		made, err = g.describe(tx, region)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{made}}, nil
}

func orText(value *string, fallback string) *string {
	if value == nil {
		return aws.String(fallback)
	}
	return value
}

func orNumber(value *int32, fallback int32) *int32 {
	if value == nil {
		return aws.Int32(fallback)
	}
	return value
}

func checkNewGroup(in *elasticloadbalancingv2.CreateTargetGroupInput) error {
	switch {
	case !nameForm.MatchString(*in.Name):
		return invalid("The target group name '%s' must have 1 to 32 letters, digits or hyphens and must not begin or end with a hyphen", *in.Name)
	case in.TargetType == types.TargetTypeEnumLambda || in.TargetType == types.TargetTypeEnumAlb:
		return unsupported("targets of type '%s'; it has instance and ip", in.TargetType)
	case in.IpAddressType != "" && in.IpAddressType != types.TargetGroupIpAddressTypeEnumIpv4:
		return unsupported("the IP address type '%s'; it has ipv4", in.IpAddressType)
	case in.TargetControlPort != nil:
		return unsupported("TargetControlPort")
	case in.Protocol == "":
		return invalid("A protocol must be specified")
	case in.Protocol != types.ProtocolEnumHttp && in.Protocol != types.ProtocolEnumHttps:
		return unsupported("target groups of protocol '%s', which are for network and gateway load balancers", in.Protocol)
	case in.Port == nil:
		return invalid("A port must be specified")
	case aws.ToString(in.VpcId) == "":
		return invalid("A VPC ID must be specified")
	}
	if in.HealthCheckEnabled != nil && !*in.HealthCheckEnabled {
		return invalid("Health check enabled must be true for target groups with target type instance or ip")
	}
	switch version := aws.ToString(in.ProtocolVersion); version {
	case "", "HTTP1", "HTTP2":
		return nil
	case "GRPC":
		return unsupported("the protocol version GRPC; it has HTTP1 and HTTP2")
	default:
		return invalid("The protocol version '%s' is not valid", version)
	}
}

func createGroup(tx *cloud.Tx, region string, wanted *targetGroup) (*targetGroup, error) {
	all, err := targetGroups.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, existing := range all {
		if *existing.TargetGroupName == *wanted.TargetGroupName {
			if sameGroup(existing, wanted) {
				return existing, nil
			}
			return nil, cloud.Errorf("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", *wanted.TargetGroupName)
		}
	}
	if len(all) >= maxGroups {
		return nil, cloud.Errorf("TooManyTargetGroups", "The limit of %d target groups has been reached", maxGroups)
	}
	arn := cloud.ARN("elasticloadbalancing", region, "targetgroup/"+*wanted.TargetGroupName+"/"+cloud.RandomHex(16))
	wanted.TargetGroupArn = aws.String(arn)
	return wanted, targetGroups.Put(tx, region, arn, wanted)
}

func sameGroup(a, b *targetGroup) bool {
	return *a.Port == *b.Port && a.Protocol == b.Protocol && *a.VpcId == *b.VpcId && a.TargetType == b.TargetType &&
		*a.ProtocolVersion == *b.ProtocolVersion && *a.HealthCheckPath == *b.HealthCheckPath && *a.HealthCheckPort == *b.HealthCheckPort &&
		a.HealthCheckProtocol == b.HealthCheckProtocol && *a.HealthCheckIntervalSeconds == *b.HealthCheckIntervalSeconds &&
		*a.HealthCheckTimeoutSeconds == *b.HealthCheckTimeoutSeconds && *a.HealthyThresholdCount == *b.HealthyThresholdCount &&
		*a.UnhealthyThresholdCount == *b.UnhealthyThresholdCount && aws.ToString(a.Matcher.HttpCode) == aws.ToString(b.Matcher.HttpCode)
}

// DeleteTargetGroup deletes a target group with its registrations. A missing one is no error.
func (s *Service) DeleteTargetGroup(ctx context.Context, in *elasticloadbalancingv2.DeleteTargetGroupInput) (*elasticloadbalancingv2.DeleteTargetGroupOutput, error) {
	return &elasticloadbalancingv2.DeleteTargetGroupOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if cloud.HasCode(err, "TargetGroupNotFound") {
			return nil
		}
		if err != nil {
			return err
		}
		using, err := balancersUsing(tx, region)
		if err != nil {
			return err
		}
		if len(using[*g.TargetGroupArn]) > 0 {
			return cloud.Errorf("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", *g.TargetGroupArn)
		}
		registered, err := targetsOf(tx, region, *g.TargetGroupArn)
		if err != nil {
			return err
		}
		for _, t := range registered {
			if err := targets.Delete(tx, region, t.key()); err != nil {
				return err
			}
		}
		return targetGroups.Delete(tx, region, *g.TargetGroupArn)
	})
}

// ModifyTargetGroup changes the health check.
func (s *Service) ModifyTargetGroup(ctx context.Context, in *elasticloadbalancingv2.ModifyTargetGroupInput) (*elasticloadbalancingv2.ModifyTargetGroupOutput, error) {
	out := &elasticloadbalancingv2.ModifyTargetGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if err != nil {
			return err
		}
		if in.HealthCheckEnabled != nil && !*in.HealthCheckEnabled {
			return invalid("Health check enabled must be true for target groups with target type '%s'", g.TargetType)
		}
		mergeHealthCheck(&g.TargetGroup, in)
		if err := checkHealthCheck(&g.TargetGroup); err != nil {
			return err
		}
		if err := targetGroups.Put(tx, region, *g.TargetGroupArn, g); err != nil {
			return err
		}
		described, err := g.describe(tx, region)
		out.TargetGroups = []types.TargetGroup{described}
		return err
	})
}

func mergeHealthCheck(g *types.TargetGroup, in *elasticloadbalancingv2.ModifyTargetGroupInput) {
	if in.HealthCheckProtocol != "" {
		g.HealthCheckProtocol = in.HealthCheckProtocol
	}
	if in.Matcher != nil {
		g.Matcher = in.Matcher
	}
	for current, wanted := range map[**string]*string{&g.HealthCheckPath: in.HealthCheckPath, &g.HealthCheckPort: in.HealthCheckPort} {
		if wanted != nil {
			*current = wanted
		}
	}
	for current, wanted := range map[**int32]*int32{
		&g.HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds, &g.HealthCheckTimeoutSeconds: in.HealthCheckTimeoutSeconds,
		&g.HealthyThresholdCount: in.HealthyThresholdCount, &g.UnhealthyThresholdCount: in.UnhealthyThresholdCount,
	} {
		if wanted != nil {
			*current = wanted
		}
	}
}

// checkHealthCheck checks the settings together, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html limits them.
func checkHealthCheck(g *types.TargetGroup) error {
	port := *g.HealthCheckPort
	switch {
	case g.HealthCheckProtocol != types.ProtocolEnumHttp && g.HealthCheckProtocol != types.ProtocolEnumHttps:
		return cloud.Errorf(codeConfig, "Health check protocol '%s' is not supported for target groups of application load balancers", g.HealthCheckProtocol)
	case !strings.HasPrefix(*g.HealthCheckPath, "/") || len(*g.HealthCheckPath) > 1024 || strings.ContainsAny(*g.HealthCheckPath, " \t\r\n"):
		return invalid("Health check path '%s' must begin with a '/' character and can have 1024 characters without spaces", *g.HealthCheckPath)
	case port != "traffic-port" && !between(1, 65535)(port):
		return invalid("Health check port '%s' must be 'traffic-port' or in the range 1-65535", port)
	case *g.HealthCheckIntervalSeconds < 5 || *g.HealthCheckIntervalSeconds > 300:
		return invalid("Health check interval '%d' not in range [5, 300]", *g.HealthCheckIntervalSeconds)
	case *g.HealthCheckTimeoutSeconds < 2 || *g.HealthCheckTimeoutSeconds > 120:
		return invalid("Health check timeout '%d' not in range [2, 120]", *g.HealthCheckTimeoutSeconds)
	case *g.HealthCheckTimeoutSeconds >= *g.HealthCheckIntervalSeconds:
		return invalid("Health check timeout '%d' must be smaller than the interval '%d'", *g.HealthCheckTimeoutSeconds, *g.HealthCheckIntervalSeconds)
	case *g.HealthyThresholdCount < 2 || *g.HealthyThresholdCount > 10:
		return invalid("Healthy threshold count '%d' not in range [2, 10]", *g.HealthyThresholdCount)
	case *g.UnhealthyThresholdCount < 2 || *g.UnhealthyThresholdCount > 10:
		return invalid("Unhealthy threshold count '%d' not in range [2, 10]", *g.UnhealthyThresholdCount)
	case g.Matcher.GrpcCode != nil:
		return unsupported("Matcher.GrpcCode; it has no gRPC target groups")
	}
	for part := range strings.SplitSeq(aws.ToString(g.Matcher.HttpCode), ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !between(200, 499)(low) || isRange && !between(200, 499)(high) {
			return invalid("Health check matcher HTTP code '%s' must be within '200-499' inclusive", part)
		}
	}
	return nil
}
