package fis

import (
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsfis "github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// acls returns each network ACL with the subnets that use it.
func (f *fixture) acls() map[string][]string {
	f.Helper()
	out, err := f.ec2.DescribeNetworkAcls(f.Context(), &awsec2.DescribeNetworkAclsInput{})
	require.NoError(f, err)
	all := map[string][]string{}
	for _, acl := range out.NetworkAcls {
		all[*acl.NetworkAclId] = nil
		for _, a := range acl.Associations {
			all[*acl.NetworkAclId] = append(all[*acl.NetworkAclId], *a.SubnetId)
		}
	}
	return all
}

func (f *fixture) network() (subnets []string) {
	f.Helper()
	vpc, err := f.ec2.CreateVpc(f.Context(), &awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	require.NoError(f, err)
	for i, zone := range []string{"us-east-1a", "us-east-1b", "us-east-1c"} {
		made, err := f.ec2.CreateSubnet(f.Context(), &awsec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, AvailabilityZone: &zone, CidrBlock: aws.String("10.0." + string(rune('0'+i)) + ".0/24"),
			TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSubnet, Tags: []ec2types.Tag{{Key: aws.String("tier"), Value: aws.String("app")}}}},
		})
		require.NoError(f, err)
		subnets = append(subnets, *made.Subnet.SubnetId)
	}
	return subnets
}

func zoneDisruption(scope string) func(*awsfis.CreateExperimentTemplateInput) {
	return func(in *awsfis.CreateExperimentTemplateInput) {
		in.Targets["zone"] = types.CreateExperimentTemplateTargetInput{
			ResourceType: aws.String("aws:ec2:subnet"), SelectionMode: aws.String("ALL"), ResourceTags: map[string]string{"tier": "app"}, Parameters: map[string]string{parameterZone: "use1-az1"},
		}
		in.Actions["cut"] = act("aws:network:disrupt-connectivity", "Subnets", "zone", parameterDuration, "PT2M", parameterScope, scope)
	}
}

func TestADisruptedZoneGetsBackJustWhatItHad(t *testing.T) {
	for scope, denied := range map[string]string{"all": "0.0.0.0/0", "availability-zone": "10.0.1.0/24", "s3": "", "dynamodb": "", "vpc": ""} {
		t.Run(scope, func(t *testing.T) {
			f := newFixture(t)
			subnets := f.network()
			before := f.acls()
			id := f.start(f.template(f.role("drills", servicePrincipal, everything), zoneDisruption(scope)))
			e := f.steps(id)
			require.Equal(t, types.ExperimentStatusRunning, e.State.Status, aws.ToString(e.State.Reason))
			out, err := f.ec2.DescribeNetworkAcls(t.Context(), &awsec2.DescribeNetworkAclsInput{Filters: []ec2types.Filter{{Name: aws.String("tag:managedByFIS"), Values: []string{"true"}}}})
			require.NoError(t, err)
			require.Len(t, out.NetworkAcls, 1)
			clone := out.NetworkAcls[0]
			require.Len(t, clone.Associations, 1)
			require.Equal(t, subnets[0], *clone.Associations[0].SubnetId)
			if denied != "" {
				require.Equal(t, ec2types.RuleActionDeny, clone.Entries[0].RuleAction)
				require.Equal(t, denied, *clone.Entries[0].CidrBlock)
			}
			if scope == "vpc" {
				require.Equal(t, "10.0.0.0/16", *clone.Entries[0].CidrBlock, "the rule for all is one for the VPC")
			}
			f.restart() // killed
			f.pass(121 * time.Second)
			require.Equal(t, types.ExperimentStatusCompleted, f.steps(id).State.Status)
			require.Equal(t, before, f.acls())
		})
	}
}

func TestAKilledLabPutsBackWhatItHadJustBegunToChange(t *testing.T) {
	f := newFixture(t)
	f.network()
	before := f.acls()
	id := f.start(f.template(f.role("drills", servicePrincipal, everything), zoneDisruption("all")))
	// The lab dies between making the clone and having the subnet use it.
	healthy := f.deps.Instances
	f.deps.Instances = dying{healthy.(instances)}
	f.restart()
	require.Panics(t, func() { f.steps(id) })
	require.Len(t, f.acls(), len(before)+1)
	f.deps.Instances = healthy
	f.restart()
	_, err := f.client.StopExperiment(t.Context(), &awsfis.StopExperimentInput{Id: id})
	require.NoError(t, err)
	require.Equal(t, types.ExperimentStatusStopped, f.steps(id).State.Status)
	require.Equal(t, before, f.acls())
}

func TestASubnetIsDisruptedByOneExperimentAtATime(t *testing.T) {
	f := newFixture(t)
	f.network()
	before := f.acls()
	template := f.template(f.role("drills", servicePrincipal, everything), zoneDisruption("all"))
	first, second := f.start(template), f.start(template)
	f.steps(first)
	e := f.steps(second)
	require.Equal(t, types.ExperimentStatusFailed, e.State.Status)
	require.Contains(t, *e.State.Reason, "another experiment disrupts")
	require.Equal(t, types.ExperimentStatusRunning, f.get(first).State.Status)
	_, err := f.client.StopExperiment(t.Context(), &awsfis.StopExperimentInput{Id: first})
	require.NoError(t, err)
	f.steps(first)
	require.Equal(t, before, f.acls())
}

func prefixes(t *rapid.T, label string) (all []netip.Prefix) {
	for range rapid.IntRange(0, 8).Draw(t, label) {
		address := netip.AddrFrom4([4]byte{10, 0, rapid.Byte().Draw(t, "third"), rapid.Byte().Draw(t, "fourth")})
		all = append(all, netip.PrefixFrom(address, rapid.IntRange(16, 28).Draw(t, "bits")).Masked())
	}
	return all
}

func contains(all []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range all {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

func TestMergedPrefixesCoverTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := prefixes(t, "prefixes")
		least := merged(given)
		require.LessOrEqual(t, len(least), len(given))
		for range 50 {
			address := netip.AddrFrom4([4]byte{10, 0, rapid.Byte().Draw(t, "a"), rapid.Byte().Draw(t, "b")})
			require.Equal(t, contains(given, address), contains(least, address), "%s", address)
		}
	})
}

// allowed is what a network ACL decides about all traffic of an address.
func allowed(rules []ec2types.NetworkAclEntry, egress bool, address netip.Addr) bool {
	var best *ec2types.NetworkAclEntry
	for i, rule := range rules {
		if *rule.Egress == egress && netip.MustParsePrefix(*rule.CidrBlock).Contains(address) && (best == nil || *rule.RuleNumber < *best.RuleNumber) {
			best = &rules[i]
		}
	}
	return best != nil && best.RuleAction == ec2types.RuleActionAllow
}

func TestClonesDenyWhatTheScopeSaysAndElseDecideAsBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rules []ec2types.NetworkAclEntry
		for i, prefix := range prefixes(t, "rules") {
			rules = append(rules, ec2types.NetworkAclEntry{
				RuleNumber: aws.Int32(int32(10 * (i + 1))), Egress: aws.Bool(rapid.Bool().Draw(t, "egress")), Protocol: aws.String("-1"), CidrBlock: aws.String(prefix.String()),
				RuleAction: rapid.SampledFrom(ec2types.RuleAction("").Values()).Draw(t, "action"),
			})
		}
		some := prefixes(t, "some")
		for range 30 {
			address := netip.AddrFrom4([4]byte{10, 0, rapid.Byte().Draw(t, "a"), rapid.Byte().Draw(t, "b")})
			egress := rapid.Bool().Draw(t, "way")
			require.Equal(t, allowed(rules, egress, address) && !contains(some, address), allowed(without(rules, some), egress, address))
			require.Equal(t, allowed(rules, egress, address) && contains(some, address), allowed(within(rules, some), egress, address))
		}
	})
}
