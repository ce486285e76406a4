package loadbalancer_test

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/loadbalancer"
	"haven/components/recording"
	"haven/components/zones"
)

var health = loadbalancer.Health{Path: "/ready", IntervalSeconds: 5, TimeoutSeconds: 3, HealthyAfter: 2, UnhealthyAfter: 2}

func args(spread []zones.Zone) *loadbalancer.Args {
	return &loadbalancer.Args{
		VPC: pulumi.String("vpc"), Subnets: recording.Subnets(spread, "public"), Certificate: pulumi.String("cert"),
		AccessLogs: pulumi.String("logs"), Clients: []string{"0.0.0.0/0"}, TargetPort: 8080, Health: health, DrainSeconds: 7,
		DeletionProtection: true,
	}
}

func declare(args *loadbalancer.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := loadbalancer.New(ctx, name, args, opts...)
		return err
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args(recording.Zones(t, 3)))) }

func TestANodeInEveryZone(t *testing.T) {
	for count := zones.Fewest; count <= zones.Most; count++ {
		made := recording.Must(t, declare(args(recording.Zones(t, count))), "lb")
		balancer := made.Of("aws:lb/loadBalancer:LoadBalancer")["lb"]
		subnets := balancer.Value("subnets").([]any)
		require.Len(t, subnets, count)
		require.Equal(t, "subnet-public-a", subnets[0])
		require.Equal(t, true, balancer.Value("enableCrossZoneLoadBalancing"))
		require.Equal(t, true, balancer.Value("enableDeletionProtection"))
		require.Equal(t, map[string]any{"bucket": "logs", "enabled": true, "prefix": "balancer/lb"}, balancer.Value("accessLogs"))
	}
}

func TestClientsSpeakModernTLSOnly(t *testing.T) {
	listeners := recording.Must(t, declare(args(recording.Zones(t, 2))), "lb").Of("aws:lb/listener:Listener")
	require.Len(t, listeners, 2)
	secure, plain := listeners["lb-https"], listeners["lb-http"]
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-2021-06", secure.Value("sslPolicy"))
	require.Equal(t, "cert", secure.Value("certificateArn"))
	require.Equal(t, "forward", secure.Value("defaultActions.0.type"))
	require.Equal(t, "redirect", plain.Value("defaultActions.0.type"))
	require.Equal(t, map[string]any{"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}, plain.Value("defaultActions.0.redirect"))
}

func TestTargetsAreCheckedTightlyAndDrained(t *testing.T) {
	group := recording.Must(t, declare(args(recording.Zones(t, 2))), "lb").Of("aws:lb/targetGroup:TargetGroup")["lb"]
	require.Equal(t, map[string]any{
		"enabled": true, "protocol": "HTTP", "port": "traffic-port", "path": "/ready", "matcher": "200",
		"interval": 5.0, "timeout": 3.0, "healthyThreshold": 2.0, "unhealthyThreshold": 2.0,
	}, group.Value("healthCheck"))
	require.Equal(t, 7.0, group.Value("deregistrationDelay"))
	require.Equal(t, 8080.0, group.Value("port"))
}

func TestDetectionIsTheWorstCase(t *testing.T) {
	require.Equal(t, 13*time.Second, health.Detection())
}

func TestNewRefuses(t *testing.T) {
	broken := args(recording.Zones(t, 2))
	broken.Health = loadbalancer.Health{IntervalSeconds: 5, TimeoutSeconds: 5, HealthyAfter: 1, UnhealthyAfter: 11}
	broken.Clients, broken.TargetPort, broken.DrainSeconds = nil, 0, 3601
	for name, test := range map[string]struct {
		args *loadbalancer.Args
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&loadbalancer.Args{}, []string{"VPC, Certificate and AccessLogs are required", "0 subnets"}},
		"everything at once": {broken, []string{
			"Clients is empty", "TargetPort is 0", "DrainSeconds is 3601", "TimeoutSeconds has to be less",
			"HealthyAfter is 1", "UnhealthyAfter is 11", "Health.Path is required",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "lb"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
