package fis

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// servicePrincipal is who roles of experiments have to trust.
const servicePrincipal = "fis.amazonaws.com"

// need is something that an experiment's role must be allowed to do.
type need struct {
	action     string
	resource   string
	conditions map[string][]string
}

// on asks for an action on a target, whose tags conditions may be about.
func (t target) on(service, action string) need {
	n := need{action: service + ":" + action, resource: t.ARN, conditions: map[string][]string{}}
	for key, value := range t.Tags {
		n.conditions["aws:ResourceTag/"+key] = []string{value}
		n.conditions[service+":ResourceTag/"+key] = []string{value}
	}
	return n
}

func anywhere(actions ...string) (all []need) {
	for _, action := range actions {
		all = append(all, need{action: action, resource: "*"})
	}
	return all
}

// findNeeds is what it takes to resolve a target. Those that are no EC2 resources are found by tags with another service
// (https://docs.aws.amazon.com/fis/latest/userguide/targets.html#target-resource-types).
func (x *executor) findNeeds(name string) []need {
	wanted := x.row.Experiment.Targets[name]
	kind := resourceTypes[*wanted.ResourceType]
	needs := anywhere(kind.needs...)
	if kind.service != "ec2" && len(wanted.ResourceTags) > 0 {
		needs = append(needs, anywhere("tag:GetResources")...)
	}
	return needs
}

// assume finds out who acts.
func (x *executor) assume() error {
	return x.service.store.View(func(tx *cloud.Tx) (err error) {
		x.who, err = x.service.deps.Roles.AssumeForService(tx, aws.ToString(x.row.Experiment.RoleArn), servicePrincipal, x.row.session(), map[string][]string{
			"aws:sourceaccount": {cloud.Account}, "aws:sourcearn": {*x.row.Experiment.Arn},
		})
		return err
	})
}

// permitted returns AWS's refusal of the first thing that the role may not do.
func (x *executor) permitted(needs []need) error {
	return x.service.store.View(func(tx *cloud.Tx) error {
		for _, n := range needs {
			known := map[string][]string{"aws:requestedregion": {x.region}}
			for key, values := range n.conditions {
				known[strings.ToLower(key)] = values
			}
			verdict, err := x.service.deps.Roles.Decide(tx, x.who, policy.Guard{}, policy.Question{Action: n.action, Resources: []string{n.resource}, Context: known})
			if err != nil {
				return err
			}
			if verdict.Decision != policy.Allowed {
				return cloud.StatusErrorf(403, "AccessDenied", "%s", n.refusal(x.who, verdict))
			}
		}
		return nil
	})
}

func (n need) refusal(who cloud.Principal, verdict policy.Verdict) string {
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", who.ARN, n.action)
	if n.resource != "*" {
		text += " on resource: " + n.resource
	}
	if verdict.Decision == policy.Denied {
		return text + " with an explicit deny in " + verdict.Kind
	}
	return text + " because no identity-based policy allows the " + n.action + " action"
}
