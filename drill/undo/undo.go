package undo

import (
	"context"
	"errors"
	"fmt"

	"haven/drill/scenario"
	"haven/drill/target"
)

// Kinds of undoing.
const (
	Breakage = scenario.Breakages // heal the Breaker's breakage Target
)

// Needs are the IAM actions that putting back calls on AWS.
var Needs = []string{
	"fis:ListExperiments", "fis:StopExperiment", "ec2:DeleteNetworkAclEntry", "ssm:SendCommand", "ssm:GetCommandInvocation",
	"arc-zonal-shift:ListZonalShifts", "arc-zonal-shift:CancelZonalShift", "elasticloadbalancing:ModifyTargetGroup", "autoscaling:ResumeProcesses",
	"autoscaling:CancelInstanceRefresh", "ec2:DeleteLaunchTemplateVersions", "autoscaling:SetDesiredCapacity", "autoscaling:UpdateAutoScalingGroup",
	"elasticloadbalancing:ModifyLoadBalancerAttributes", "rds:ModifyDBCluster", "network-firewall:UpdateFirewallDeleteProtection",
}

// how puts back each kind.
var how = map[string]func(context.Context, *target.Environment, scenario.Undoing) error{
	Breakage: func(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
		if e.Breaker == nil {
			return errors.New("it was broken in a lab, and this environment is not one")
		}
		return e.Breaker.Heal(ctx, u.Target)
	},
	scenario.Experiments: func(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
		return e.StopExperiments(ctx, u.Target)
	},
	scenario.NetworkACLEntry: deleteACLEntry,
	scenario.UndoScript:      runScript,
	scenario.UndoShift:       cancelShift,
	scenario.UndoHealthCheck: rightHealthCheck,
	scenario.UndoRelease:     endRelease,
	scenario.UndoCapacity:    setCapacity,
	scenario.UndoProtection:  unprotect,
	scenario.UndoZones:       giveZones,
}

// All puts back everything that the file remembers, tries each even when others fail, and forgets what it could. Say, which may
// be nil, is told each thing.
func All(ctx context.Context, e *target.Environment, f *File, say func(string)) error {
	var errs []error
	for _, u := range f.Left() {
		if say != nil {
			say(fmt.Sprintf("putting back %s of %s", u.Kind, u.Target))
		}
		if err := one(ctx, e, u.Undoing); err != nil {
			errs = append(errs, fmt.Errorf("putting back %s of %s: %w", u.Kind, u.Target, err))
			continue
		}
		errs = append(errs, f.Done(u.Key))
	}
	return errors.Join(errs...)
}

func one(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	do, known := how[u.Kind]
	if !known {
		return fmt.Errorf("this version knows no way to put back %q", u.Kind)
	}
	return do(ctx, e, u)
}
