package wafv2_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/wafv2"
	"haven/lab/wire/wiretest"
)

func visibility(name string) *types.VisibilityConfig {
	return &types.VisibilityConfig{CloudWatchMetricsEnabled: true, SampledRequestsEnabled: true, MetricName: &name}
}

func TestAWebACLLivesThroughItsLockTokens(t *testing.T) {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	client := wafv2.NewFromConfig(wiretest.New(t, map[string]any{"wafv2": lab.New(store)}))
	ctx := context.Background()
	allow := &types.DefaultAction{Allow: &types.AllowAction{}}
	rules := []types.Rule{{
		Name: aws.String("common"), Priority: 1, VisibilityConfig: visibility("common"), OverrideAction: &types.OverrideAction{None: &types.NoneAction{}},
		Statement: &types.Statement{ManagedRuleGroupStatement: &types.ManagedRuleGroupStatement{VendorName: aws.String("AWS"), Name: aws.String("AWSManagedRulesCommonRuleSet")}},
	}}
	made, err := client.CreateWebACL(ctx, &wafv2.CreateWebACLInput{Name: aws.String("web"), Scope: types.ScopeRegional, DefaultAction: allow, VisibilityConfig: visibility("web"), Rules: rules})
	require.NoError(t, err)
	got, err := client.GetWebACL(ctx, &wafv2.GetWebACLInput{Name: aws.String("web"), Id: made.Summary.Id, Scope: types.ScopeRegional})
	require.NoError(t, err)
	require.Equal(t, "AWSManagedRulesCommonRuleSet", *got.WebACL.Rules[0].Statement.ManagedRuleGroupStatement.Name)

	update := &wafv2.UpdateWebACLInput{Name: aws.String("web"), Id: made.Summary.Id, Scope: types.ScopeRegional, DefaultAction: allow, VisibilityConfig: visibility("web"), LockToken: got.LockToken}
	_, err = client.UpdateWebACL(ctx, update)
	require.NoError(t, err)
	var stale *types.WAFOptimisticLockException
	_, err = client.UpdateWebACL(ctx, update)
	require.ErrorAs(t, err, &stale)

	resource := aws.String("arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1")
	_, err = client.AssociateWebACL(ctx, &wafv2.AssociateWebACLInput{ResourceArn: resource, WebACLArn: made.Summary.ARN})
	require.NoError(t, err)
	on, err := client.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: resource})
	require.NoError(t, err)
	require.Equal(t, *made.Summary.ARN, *on.WebACL.ARN)
	got, err = client.GetWebACL(ctx, &wafv2.GetWebACLInput{Name: aws.String("web"), Id: made.Summary.Id, Scope: types.ScopeRegional})
	require.NoError(t, err)
	remove := &wafv2.DeleteWebACLInput{Name: aws.String("web"), Id: made.Summary.Id, Scope: types.ScopeRegional, LockToken: got.LockToken}
	var used *types.WAFAssociatedItemException
	_, err = client.DeleteWebACL(ctx, remove)
	require.ErrorAs(t, err, &used)
	_, err = client.DisassociateWebACL(ctx, &wafv2.DisassociateWebACLInput{ResourceArn: resource})
	require.NoError(t, err)
	_, err = client.DeleteWebACL(ctx, remove)
	require.NoError(t, err)
	var missing *types.WAFNonexistentItemException
	_, err = client.GetWebACL(ctx, &wafv2.GetWebACLInput{Name: aws.String("web"), Id: made.Summary.Id, Scope: types.ScopeRegional})
	require.ErrorAs(t, err, &missing)
}
