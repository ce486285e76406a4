package dns_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/dns"
	"haven/components/recording"
)

func declare(args *dns.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := dns.New(ctx, name, args, opts...)
		return err
	}
}

func private() *dns.Args {
	return &dns.Args{
		Site: "www.haven.test", Domain: "haven.test", VPC: pulumi.String("vpc"),
		Target: pulumi.String("lb.example"), TargetZoneID: pulumi.String("ZELB"),
	}
}

func public() *dns.Args {
	return &dns.Args{
		Site: "www.example.com", ExistingZone: "Z1", Target: pulumi.String("lb.example"), TargetZoneID: pulumi.String("ZELB"),
	}
}

func TestPrivate(t *testing.T) { recording.Component(t, declare(private())) }
func TestPublic(t *testing.T)  { recording.Component(t, declare(public())) }

func TestTheNameFollowsTheBalancerAndItsHealth(t *testing.T) {
	for zone, args := range map[string]*dns.Args{"Zsite": private(), "Z1": public()} {
		made := recording.Must(t, declare(args), "site")
		record := made.Of("aws:route53/record:Record")["site"]
		require.Equal(t, zone, record.Value("zoneId"))
		require.Equal(t, args.Site, record.Value("name"))
		require.Equal(t, map[string]any{"name": "lb.example", "zoneId": "ZELB", "evaluateTargetHealth": true}, record.Value("aliases.0"))
	}
}

func TestAPrivateZoneIsSeenFromTheVPCOnly(t *testing.T) {
	made := recording.Must(t, declare(private()), "site")
	zone := made.Of("aws:route53/zone:Zone")["site"]
	require.Equal(t, "vpc", zone.Value("vpcs.0.vpcId"))
	require.Empty(t, recording.Must(t, declare(public()), "site").Of("aws:route53/zone:Zone"), "an existing zone is not made again")
}

func TestNewRefuses(t *testing.T) {
	both, homeless := private(), private()
	both.ExistingZone, homeless.VPC = "Z1", nil
	for name, test := range map[string]struct {
		args *dns.Args
		want []string
	}{
		"nothing":  {nil, []string{"args are required"}},
		"empty":    {&dns.Args{}, []string{"Site, Target and TargetZoneID are required", "exactly one of ExistingZone and Domain"}},
		"both":     {both, []string{"exactly one of ExistingZone and Domain"}},
		"homeless": {homeless, []string{"a private zone needs VPC"}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "site"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
