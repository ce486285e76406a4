package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

// UndoProtection is the kind of undoing that switches off the deletion protection of the resource Target, for stacks that declare none.
const UndoProtection = "deletion protection"

func protection() []Scenario {
	return []Scenario{{
		Name: "failover/protection/deletion-refused", Does: "a steward's slip: the balancer, the database cluster and the firewall are deleted by hand; AWS refuses each, and requests go on",
		// Once: a refusal has no moment at which it could be missed.
		Promises: []string{"HA-01", "HA-02", "HA-06"}, Times: 1, Hold: 5 * time.Second, Errors: 0, Whole: time.Minute, Judge: deletionsRefused,
		Needs: []string{
			"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:DeleteLoadBalancer",
			"rds:DescribeDBClusters", "rds:ModifyDBCluster", "rds:DeleteDBCluster",
			"network-firewall:DescribeFirewall", "network-firewall:UpdateFirewallDeleteProtection", "network-firewall:DeleteFirewall",
		},
		Fault: func(s Stage) fault.Fault { return &slip{stage: s} },
	}}
}

// slip is the deletion of everything that is to be protected from it. What the stack declares protected is taken as it is found, and
// never deleted where it is open. What it declares open is protected for the drill alone: that shows that AWS refuses, here, too.
type slip struct {
	stage    Stage
	borrowed []target.Protectable // protected for the drill alone
}

func (f *slip) Setup(ctx context.Context) (string, error) {
	var kinds, borrowed []string
	for _, p := range f.stage.Protectables() {
		on, _, err := p.Look(ctx)
		if err != nil {
			return "", err
		}
		kinds = append(kinds, p.Kind)
		if !on && !p.Declared {
			if err := f.borrow(ctx, p); err != nil {
				return "", err
			}
			borrowed = append(borrowed, p.Kind)
		}
	}
	text := strings.Join(kinds, ", ")
	if len(borrowed) > 0 {
		text += "; protected for the drill alone: " + strings.Join(borrowed, ", ")
	}
	return text, nil
}

func (f *slip) borrow(ctx context.Context, p target.Protectable) error {
	if err := f.stage.Undo.Remember(protectionKey(p), Undoing{Kind: UndoProtection, Target: p.ID}); err != nil {
		return err
	}
	f.borrowed = append(f.borrowed, p)
	if err := p.Set(ctx, true); err != nil {
		return err
	}
	return awaitProtection(ctx, p, true)
}

// Inject tries each deletion, also when one before it was not tried. It ends at once when a deletion was accepted.
func (f *slip) Inject(ctx context.Context) error {
	for _, p := range f.stage.Protectables() {
		switch err := p.RefusesDeletion(ctx); {
		case err == nil:
			f.stage.Mark(check.DeletionRefused, p.String())
		case errors.Is(err, target.ErrUnprotected):
			f.stage.Mark(check.Unprotected, fmt.Sprintf("%s (%s): %v; haven:%s declares it; type: pulumi up --refresh", p, p.Control, err, p.Setting))
		case errors.Is(err, target.ErrAccepted):
			return check.Finding{Promise: check.ErrUnprotected, Text: fmt.Sprintf("%s (%s): %v", p, p.Control, err)}
		default:
			return err
		}
	}
	return nil
}

// WaitActive looks whether nothing is being deleted.
func (f *slip) WaitActive(ctx context.Context) error {
	for _, p := range f.stage.Protectables() {
		_, status, err := p.Look(ctx)
		if err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(status), "delet") {
			return check.Finding{Promise: check.ErrUnprotected, Text: fmt.Sprintf("%s (%s) is %s", p, p.Control, status)}
		}
	}
	return nil
}

// Recover gives back what was protected for the drill alone.
func (f *slip) Recover(ctx context.Context) error {
	for _, p := range f.borrowed {
		if err := p.Set(ctx, false); err != nil {
			return err
		}
		if err := f.stage.Undo.Done(protectionKey(p)); err != nil {
			return err
		}
	}
	return nil
}

func (f *slip) WaitRecovered(ctx context.Context) error {
	for _, p := range f.borrowed {
		if err := awaitProtection(ctx, p, false); err != nil {
			return err
		}
	}
	return nil
}

// Cleanup leaves what is remembered to those who undo everything after a fault.
func (f *slip) Cleanup(context.Context) error { return nil }

func protectionKey(p target.Protectable) string { return UndoProtection + "/" + p.ID }

func awaitProtection(ctx context.Context, p target.Protectable, wanted bool) error {
	return target.Await(ctx, fmt.Sprintf("the deletion protection of %s to be changed", p), time.Minute, func(ctx context.Context) error {
		on, _, err := p.Look(ctx)
		if err == nil && on != wanted {
			err = fmt.Errorf("it is on: %t", on)
		}
		return err
	})
}

func deletionsRefused(_ context.Context, s Stage, h history.History) ([]check.Finding, error) {
	var all []string
	for _, p := range s.Protectables() {
		all = append(all, p.String())
	}
	return check.Protected(h, all...), nil
}
