package networkfirewall

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/cloud"
)

// object is what rule groups, policies and firewalls have in common.
type object struct {
	Name        string
	ARN         string
	ID          string
	Token       string // the update token: a change needs the newest one
	Description string
	Tags        map[string]string
	Modified    time.Time
}

type ruleGroup struct {
	object
	Type     types.RuleGroupType
	Capacity int32
	Group    types.RuleGroup
}

type firewallPolicy struct {
	object
	Policy types.FirewallPolicy
}

type firewall struct {
	object
	VPC              string
	PolicyARN        string
	DeleteProtection bool
	SubnetProtection bool
	PolicyProtection bool
	Endpoints        []endpoint
	Logging          []types.LogDestinationConfig
	Dashboard        bool
}

// endpoint is a firewall's presence in one zone.
type endpoint struct {
	SubnetID    string
	Zone        string
	EndpointID  string // vpce-…
	InterfaceID string
}

var (
	ruleGroups = cloud.NewTable[ruleGroup]("networkfirewall.rulegroups")
	policies   = cloud.NewTable[firewallPolicy]("networkfirewall.policies")
	firewalls  = cloud.NewTable[firewall]("networkfirewall.firewalls")
)

func newObject(region, kind string, name, description *string, tags []types.Tag) object {
	o := object{
		Name: aws.ToString(name), ARN: cloud.ARN("network-firewall", region, kind+"/"+aws.ToString(name)), ID: cloud.NewUUID(),
		Description: aws.ToString(description), Tags: map[string]string{},
	}
	o.tag(tags)
	o.touch()
	return o
}

func (o *object) touch() { o.Token, o.Modified = cloud.NewUUID(), time.Now().UTC() }

func (o *object) tag(tags []types.Tag) {
	for _, tag := range tags {
		o.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
}

func (o *object) tags() []types.Tag {
	var tags []types.Tag
	for _, name := range slices.Sorted(maps.Keys(o.Tags)) {
		tags = append(tags, types.Tag{Key: aws.String(name), Value: aws.String(o.Tags[name])})
	}
	return tags
}

// checkToken refuses a change that is based on an older state. A firewall's token may be left out.
func (o *object) checkToken(token *string) error {
	if token != nil && *token != o.Token {
		return cloud.Errorf("InvalidTokenException", "The update token is not the newest one of %s; describe it again and retry.", o.Name)
	}
	return nil
}

// nameOf returns the name that an API call means by name or ARN.
func nameOf(kind string, name, arn *string) (string, error) {
	switch {
	case name != nil:
		return *name, nil
	case arn == nil:
		return "", cloud.Errorf("InvalidRequestException", "Give the %s's name or ARN.", kind)
	}
	return (*arn)[strings.LastIndexByte(*arn, '/')+1:], nil
}

func missing(kind, name string) error {
	return cloud.Errorf("ResourceNotFoundException", "The %s %s doesn't exist.", kind, name)
}

func findRuleGroup(tx *cloud.Tx, region string, name, arn *string) (*ruleGroup, error) {
	wanted, err := nameOf("rule group", name, arn)
	if err != nil {
		return nil, err
	}
	found, err := ruleGroups.Get(tx, region, wanted)
	if err == nil && found == nil {
		err = missing("rule group", wanted)
	}
	return found, err
}

func findPolicy(tx *cloud.Tx, region string, name, arn *string) (*firewallPolicy, error) {
	wanted, err := nameOf("firewall policy", name, arn)
	if err != nil {
		return nil, err
	}
	found, err := policies.Get(tx, region, wanted)
	if err == nil && found == nil {
		err = missing("firewall policy", wanted)
	}
	return found, err
}

func findFirewall(tx *cloud.Tx, region string, name, arn *string) (*firewall, error) {
	wanted, err := nameOf("firewall", name, arn)
	if err != nil {
		return nil, err
	}
	found, err := firewalls.Get(tx, region, wanted)
	if err == nil && found == nil {
		err = missing("firewall", wanted)
	}
	return found, err
}

// policyUsers counts the firewalls of a policy.
func policyUsers(tx *cloud.Tx, region, arn string) (int32, error) {
	all, err := firewalls.List(tx, region)
	var users int32
	for _, f := range all {
		if f.PolicyARN == arn {
			users++
		}
	}
	return users, err
}

// groupUsers counts the policies of a rule group.
func groupUsers(tx *cloud.Tx, region, arn string) (int32, error) {
	all, err := policies.List(tx, region)
	var users int32
	for _, p := range all {
		if slices.ContainsFunc(p.Policy.StatefulRuleGroupReferences, func(r types.StatefulRuleGroupReference) bool { return aws.ToString(r.ResourceArn) == arn }) {
			users++
		}
	}
	return users, err
}

// Tables are the names of the tables that decide what endpoints do, for whoever watches them.
func Tables() []string { return []string{ruleGroups.Name(), policies.Name(), firewalls.Name()} }
