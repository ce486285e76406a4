package recording

import (
	"fmt"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// group is a component for these tests.
type group struct{ pulumi.ResourceState }

// flaws are what a component may do wrong.
type flaws struct{ orphan, silent, defaultProvider bool }

func declare(wrong flaws) Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		made := &group{}
		if wrong.defaultProvider {
			opts = nil
		}
		if err := ctx.RegisterComponentResource("haven:test:Group", name, made, opts...); err != nil {
			return err
		}
		under := pulumi.Parent(made)
		if wrong.orphan {
			under = pulumi.Parent(nil)
		}
		if _, err := ec2.NewVpc(ctx, name, &ec2.VpcArgs{CidrBlock: pulumi.String("10.0.0.0/16")}, under); err != nil {
			return err
		}
		if wrong.silent {
			return nil
		}
		return ctx.RegisterResourceOutputs(made, pulumi.Map{})
	}
}

// verdict is a test that only remembers whether it failed.
type verdict struct{ said string }

func (v *verdict) Errorf(format string, values ...any) { v.said += fmt.Sprintf(format, values...) }
func (v *verdict) FailNow()                            { panic(v) }

// judge runs a check and returns what it complained about.
func judge(check func(t require.TestingT)) (said string) {
	v := &verdict{}
	defer func() {
		if stopped := recover(); stopped != nil && stopped != any(v) {
			panic(stopped)
		}
		said = v.said
	}()
	check(v)
	return v.said
}

// A checker that cannot fail checks nothing.
func TestRequireOwnedFindsEveryFlaw(t *testing.T) {
	for want, wrong := range map[string]flaws{
		"":                                     {},
		"aws:ec2/vpc:Vpc one is not under its": {orphan: true, defaultProvider: true},
		"aws:ec2/vpc:Vpc one has no explicit":  {defaultProvider: true},
		"that registered their outputs":        {silent: true},
	} {
		made, err := Run(Options{}, With(declare(wrong), "one"))
		require.NoError(t, err)
		said := judge(func(t require.TestingT) { made.RequireOwned(t) })
		if want == "" {
			require.Empty(t, said)
			continue
		}
		require.Contains(t, said, want)
	}
}

func TestCollidingPhysicalNamesAreFound(t *testing.T) {
	same := func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := rds.NewCluster(ctx, name, &rds.ClusterArgs{ClusterIdentifier: pulumi.String("one"), Engine: pulumi.String("e")}, opts...)
		return err
	}
	made, err := Run(Options{}, With(same, "a", "b"))
	require.NoError(t, err)
	require.Contains(t, judge(made.requireDistinctPhysicalNames), "have one physical name")
}

func TestAnInjectedErrorEndsTheProgram(t *testing.T) {
	_, err := Run(Options{Fail: "aws:ec2/vpc:Vpc"}, With(declare(flaws{}), "one"))
	require.ErrorContains(t, err, ErrInjected.Error())
}

func TestLookUpsAreRefused(t *testing.T) {
	_, err := Run(Options{}, func(ctx *pulumi.Context) error {
		_, err := aws.GetCallerIdentity(ctx, nil)
		return err
	})
	require.ErrorContains(t, err, "the recorder answers no look-ups")
}

func TestAPreviewKnowsNoIdentifiers(t *testing.T) {
	chain := func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		vpc, err := ec2.NewVpc(ctx, name, &ec2.VpcArgs{CidrBlock: pulumi.String("10.0.0.0/16")}, opts...)
		if err != nil {
			return err
		}
		_, err = ec2.NewSubnet(ctx, name, &ec2.SubnetArgs{VpcId: vpc.ID(), CidrBlock: vpc.CidrBlock}, opts...)
		return err
	}
	update, err := Run(Options{}, With(chain, "one"))
	require.NoError(t, err)
	require.Equal(t, "one", update.Of("aws:ec2/subnet:Subnet")["one"].Value("vpcId"))
	preview, err := Run(Options{Preview: true}, With(chain, "one"))
	require.NoError(t, err)
	require.NotEqual(t, "one", preview.Of("aws:ec2/subnet:Subnet")["one"].Value("vpcId"))
	require.Equal(t, "10.0.0.0/16", preview.Of("aws:ec2/subnet:Subnet")["one"].Value("cidrBlock"), "inputs are known")
}

func TestConfigAndSecretsReachTheProgram(t *testing.T) {
	made, err := Run(Options{Config: map[string]string{"haven:key": "value"}}, func(ctx *pulumi.Context) error {
		value, _ := ctx.GetConfig("haven:key")
		_, err := ssm.NewParameter(ctx, "p", &ssm.ParameterArgs{Type: pulumi.String("String"), Value: pulumi.String(value)})
		return err
	})
	require.NoError(t, err)
	parameter := made.Of("aws:ssm/parameter:Parameter")["p"]
	require.True(t, parameter.Secret("value"))
	require.False(t, parameter.Secret("type"))
	require.Equal(t, "value", parameter.Value("value"), "values are laid open for the test")
	require.Nil(t, parameter.Value("value.deeper"))
	require.Nil(t, parameter.Value("missing"))
}
