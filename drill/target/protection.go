package target

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/smithy-go"
)

// Why a deletion was not refused as it has to be.
var (
	ErrUnprotected = errors.New("its deletion protection is off, so that its deletion was not tried")
	ErrAccepted    = errors.New("AWS accepted its deletion although its deletion protection is on")
)

// Protectable is a resource that AWS refuses to delete while its deletion protection is on.
type Protectable struct {
	Kind     string // such as load balancer
	ID       string // identifier or ARN
	Control  string // id of the control that promises its protection
	Setting  string // of the stack that declares it
	Declared bool   // the stack declares it protected

	look   func(context.Context) (on bool, status string, err error)
	set    func(ctx context.Context, on bool) error
	remove func(context.Context) error
	code   string // of the error with which AWS refuses
	says   string // in that error's message, where the code is for other refusals, too
}

// String tells the kind and the id.
func (p Protectable) String() string { return p.Kind + " " + p.ID }

// Look tells whether deletion protection is on, and the resource's status in AWS's words.
func (p Protectable) Look(ctx context.Context) (on bool, status string, err error) {
	return p.look(ctx)
}

// Set switches deletion protection on or off.
func (p Protectable) Set(ctx context.Context, on bool) error { return p.set(ctx, on) }

// RefusesDeletion tries to delete the resource and returns nil when AWS refused it because of the protection. It looks first: where
// the protection is off it returns ErrUnprotected and tries nothing. ErrAccepted says that the resource is being deleted, any other
// error that it was refused for a reason that proves nothing, such as missing rights.
func (p Protectable) RefusesDeletion(ctx context.Context) error {
	on, _, err := p.look(ctx)
	if err != nil {
		return err
	}
	if !on {
		return ErrUnprotected
	}
	err = p.remove(ctx)
	if err == nil {
		return ErrAccepted
	}
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == p.code && strings.Contains(strings.ToLower(refused.ErrorMessage()), p.says) {
		return nil
	}
	return fmt.Errorf("the deletion of %s was refused, but not with %s for its deletion protection: %w", p, p.code, err)
}

// Protectables are the stack's resources that carry everything else and can be protected from deletion.
func (e *Environment) Protectables() []Protectable {
	return []Protectable{e.protectableBalancer(), e.protectableCluster(), e.protectableFirewall()}
}

// balancerProtection is a load balancer's attribute.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#deletion-protection
const balancerProtection = "deletion_protection.enabled"

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
func (e *Environment) protectableBalancer() Protectable {
	client, id := elb.NewFromConfig(e.Config), e.Outputs.LoadBalancer.ARN
	return Protectable{
		Kind: "load balancer", ID: id, Control: "HA-02", Setting: "loadBalancerDeletionProtection", Declared: e.Outputs.LoadBalancer.DeletionProtection,
		code: "OperationNotPermitted",
		look: func(ctx context.Context) (bool, string, error) {
			attributes, err := client.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &id})
			if err != nil {
				return false, "", err
			}
			balancers, err := client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{id}})
			if err != nil {
				return false, "", err
			}
			if len(balancers.LoadBalancers) != 1 || balancers.LoadBalancers[0].State == nil {
				return false, "", fmt.Errorf("there is no load balancer %s", id)
			}
			on := false
			for _, one := range attributes.Attributes {
				on = on || aws.ToString(one.Key) == balancerProtection && aws.ToString(one.Value) == "true"
			}
			return on, string(balancers.LoadBalancers[0].State.Code), nil
		},
		set: func(ctx context.Context, on bool) error {
			_, err := client.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
				LoadBalancerArn: &id, Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String(balancerProtection), Value: aws.String(strconv.FormatBool(on))}},
			})
			return err
		},
		remove: func(ctx context.Context) error {
			_, err := client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &id})
			return err
		},
	}
}

// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DeleteCluster.html
func (e *Environment) protectableCluster() Protectable {
	client, id := rds.NewFromConfig(e.Config), e.Outputs.Database.ClusterID
	return Protectable{
		Kind: "database cluster", ID: id, Control: "HA-06", Setting: "databaseDeletionProtection", Declared: e.Outputs.Database.DeletionProtection,
		code: "InvalidParameterCombination", says: "protect",
		look: func(ctx context.Context) (bool, string, error) {
			cluster, err := e.Cluster(ctx)
			return aws.ToBool(cluster.DeletionProtection), aws.ToString(cluster.Status), err
		},
		set: func(ctx context.Context, on bool) error {
			_, err := client.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, DeletionProtection: &on, ApplyImmediately: aws.Bool(true)})
			return err
		},
		// With a final snapshot: should AWS not keep its word, no data are lost.
		remove: func(ctx context.Context) error {
			_, err := client.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &id, FinalDBSnapshotIdentifier: aws.String(id + "-drill")})
			return err
		},
	}
}

// https://docs.aws.amazon.com/network-firewall/latest/APIReference/API_DeleteFirewall.html
func (e *Environment) protectableFirewall() Protectable {
	client, id := networkfirewall.NewFromConfig(e.Config), e.Outputs.Firewall.ARN
	return Protectable{
		Kind: "firewall", ID: id, Control: "HA-01", Setting: "firewallDeletionProtection", Declared: e.Outputs.Firewall.DeletionProtection,
		code: "InvalidOperationException",
		look: func(ctx context.Context) (bool, string, error) {
			out, err := client.DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallArn: &id})
			if err != nil {
				return false, "", err
			}
			return out.Firewall.DeleteProtection, string(out.FirewallStatus.Status), nil
		},
		set: func(ctx context.Context, on bool) error {
			_, err := client.UpdateFirewallDeleteProtection(ctx, &networkfirewall.UpdateFirewallDeleteProtectionInput{FirewallArn: &id, DeleteProtection: on})
			return err
		},
		remove: func(ctx context.Context) error {
			_, err := client.DeleteFirewall(ctx, &networkfirewall.DeleteFirewallInput{FirewallArn: &id})
			return err
		},
	}
}
