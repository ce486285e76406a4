package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
)

// ManagedNode is an instance as Systems Manager sees it.
type ManagedNode struct {
	ID       string
	State    types.InstanceStateName
	Tags     map[string]string
	Address  string
	Hostname string
	Role     string // of its profile; empty: none
	Agent    machine.Agent
}

// ManagedNodes returns the region's instances that are not terminated, with what is known of their agents.
func (s *Service) ManagedNodes(tx *cloud.Tx, region string) ([]ManagedNode, error) {
	rows, err := instances.where(tx, region, func(r *instanceRow) bool { return !r.ending() })
	if err != nil {
		return nil, err
	}
	agents := map[string]machine.Agent{}
	if s.machines != nil && len(rows) > 0 {
		for _, seen := range s.machines.Observe() {
			if seen.Phase == machine.PhaseRunning && seen.Health != machine.HealthFailed {
				agents[seen.ID] = seen.Agent
			}
		}
	}
	nodes := make([]ManagedNode, 0, len(rows))
	for _, row := range rows {
		nodes = append(nodes, ManagedNode{
			ID: row.ID, State: row.State, Tags: row.Tags, Address: row.PrivateIP, Hostname: privateName(region, row.PrivateIP),
			Role: row.ProfileRole, Agent: agents[row.ID],
		})
	}
	return nodes, nil
}

// RunScript has the agent of an instance run a script.
func (s *Service) RunScript(ctx context.Context, id string, script machine.Script) (machine.ScriptResult, error) {
	if s.machines == nil {
		return machine.ScriptResult{}, errors.New("nothing runs in this lab")
	}
	return s.machines.RunScript(ctx, id, script)
}
