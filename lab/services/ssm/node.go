package ssm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/services/ec2"
	"haven/lab/services/iam/policy"
)

// Nodes knows instances and reaches their agents; the ec2 service implements it.
type Nodes interface {
	ManagedNodes(tx *cloud.Tx, region string) ([]ec2.ManagedNode, error)
	RunScript(ctx context.Context, id string, script machine.Script) (machine.ScriptResult, error)
}

// Permissions tells whether the caller in a context's call may do something; the iam service implements it.
type Permissions interface {
	Ask(ctx context.Context, tx *cloud.Tx, question policy.Question) error
}

// registration is what is kept of an instance whose agent has registered: from then on it is a managed node.
type registration struct {
	Instance string
	LastPing time.Time // when it was last seen to be online
	Online   bool
}

var registrations = cloud.NewTable[registration]("ssm.nodes")

// Gone tells that a registration is no resource of its own.
func (*registration) Gone() bool { return true }

// node is a managed node as it is now.
type node struct {
	ec2.ManagedNode
	online   bool
	known    bool // it has registered before
	lastPing time.Time
}

// agentActions are what an agent's role must allow, as AmazonSSMManagedInstanceCore does
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-instance-permissions.html).
var agentActions = []string{"ssm:UpdateInstanceInformation", "ec2messages:GetMessages"}

// nodes returns the region's managed nodes: instances whose agents are online or were. An agent is online when its
// machine runs, its service answers it over the instance's own network, and its role may talk to the service.
func (s *Service) nodes(tx *cloud.Tx, region string) ([]*node, error) {
	if s.machines == nil {
		return nil, nil
	}
	all, err := s.machines.ManagedNodes(tx, region)
	if err != nil {
		return nil, err
	}
	var managed []*node
	for _, one := range all {
		row, err := registrations.Get(tx, region, one.ID)
		if err != nil {
			return nil, err
		}
		n := &node{ManagedNode: one, known: row != nil, online: s.online(tx, region, one)}
		if row != nil {
			n.lastPing = row.LastPing
		}
		if one.Agent.Reached.After(n.lastPing) && n.online {
			n.lastPing = one.Agent.Reached
		}
		if n.known || n.online {
			managed = append(managed, n)
		}
	}
	slices.SortFunc(managed, func(a, b *node) int { return strings.Compare(a.ID, b.ID) })
	return managed, nil
}

func (s *Service) online(tx *cloud.Tx, region string, one ec2.ManagedNode) bool {
	if one.State != ec2types.InstanceStateNameRunning || one.Role == "" || !one.Agent.Online() {
		return false
	}
	if s.permissions == nil {
		return true
	}
	ctx := actingFor(context.Background(), region, one)
	return !slices.ContainsFunc(agentActions, func(action string) bool {
		question := policy.Question{Action: action, Resources: []string{cloud.ARN("ec2", region, "instance/"+one.ID)}}
		return s.permissions.Ask(ctx, tx, question) != nil
	})
}

// actingFor returns a context in which an instance's agent calls, with its role's rights.
func actingFor(ctx context.Context, region string, one ec2.ManagedNode) context.Context {
	return cloud.WithCall(ctx, &cloud.Call{
		ID: cloud.NewUUID(), Region: region, SourceIP: one.Address, UserAgent: "amazon-ssm-agent/" + agentVersion, Secure: true,
		Principal: cloud.Principal{ARN: cloud.ARN("sts", "", "assumed-role/"+one.Role+"/"+one.ID), Role: one.Role, Session: one.ID},
	})
}

// register writes down which nodes have come and gone.
func (s *Service) register(region string) error {
	var stale []*registration
	var gone []string
	err := s.store.View(func(tx *cloud.Tx) error {
		managed, err := s.nodes(tx, region)
		if err != nil {
			return err
		}
		alive := map[string]bool{}
		for _, n := range managed {
			alive[n.ID] = true
			row, err := registrations.Get(tx, region, n.ID)
			if err != nil {
				return err
			}
			if row == nil || row.Online != n.online {
				stale = append(stale, &registration{Instance: n.ID, LastPing: n.lastPing, Online: n.online})
			}
		}
		rows, err := registrations.List(tx, region)
		for _, row := range rows {
			if !alive[row.Instance] {
				gone = append(gone, row.Instance)
			}
		}
		return err
	})
	if err != nil || len(stale)+len(gone) == 0 {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		var errs []error
		for _, row := range stale {
			errs = append(errs, registrations.Put(tx, region, row.Instance, row))
		}
		for _, id := range gone {
			errs = append(errs, registrations.Delete(tx, region, id))
		}
		return errors.Join(errs...)
	})
}
