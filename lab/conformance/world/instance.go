package world

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/require"

	"haven/lab/control"
)

// Instance says what to launch; empty fields have the defaults told.
type Instance struct {
	Zone     string // letter; the network must have a subnet there, unless Subnet is given
	Subnet   string
	Groups   []string // the network's Open group
	UserData string
	Profile  string             // an instance profile's name; none
	Type     types.InstanceType // t3.micro
	Private  bool               // without a public address
}

// Launch starts an instance and returns its id at once; it is terminated when the test ends.
func (n *Network) Launch(t testing.TB, i Instance) string {
	t.Helper()
	if i.Subnet == "" {
		i.Subnet = n.Subnets[i.Zone]
	}
	if i.Groups == nil {
		i.Groups = []string{n.Open}
	}
	if i.Type == "" {
		i.Type = types.InstanceTypeT3Micro
	}
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(Image), InstanceType: i.Type, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), SubnetId: &i.Subnet, Groups: i.Groups, AssociatePublicIpAddress: aws.Bool(!i.Private),
		}},
	}
	if i.UserData != "" {
		in.UserData = aws.String(encoded(i.UserData))
	}
	if i.Profile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &i.Profile}
	}
	out, err := n.World.EC2.RunInstances(context.Background(), in)
	require.NoError(t, err)
	id := *out.Instances[0].InstanceId
	t.Cleanup(func() {
		_, _ = n.World.EC2.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}) // it may have gone
	})
	return id
}

// Instance starts an instance and waits until it runs.
func (n *Network) Instance(t testing.TB, i Instance) string {
	t.Helper()
	id := n.Launch(t, i)
	n.World.AwaitState(t, id, types.InstanceStateNameRunning)
	return id
}

// AwaitState waits until an instance is in a state.
func (w *World) AwaitState(t testing.TB, id string, state types.InstanceStateName) {
	t.Helper()
	Wait(t, fmt.Sprintf("%s to be %s", id, state), limit, func() error {
		i, err := w.Describe(id)
		if err != nil {
			return err
		}
		if i.State.Name != state {
			return fmt.Errorf("it is %s (%s)", i.State.Name, aws.ToString(i.StateTransitionReason))
		}
		return nil
	})
}

// Describe returns an instance.
func (w *World) Describe(id string) (types.Instance, error) {
	out, err := w.EC2.DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return types.Instance{}, err
	}
	return out.Reservations[0].Instances[0], nil
}

// Address is an instance's private address.
func (w *World) Address(t testing.TB, id string) string {
	t.Helper()
	i, err := w.Describe(id)
	require.NoError(t, err)
	return aws.ToString(i.PrivateIpAddress)
}

// Shell runs a script on an instance as root, as its console would, and returns what it printed and how it ended.
func (w *World) Shell(t testing.TB, id, script string) (output string, exit int) {
	t.Helper()
	result, err := w.Control.Exec(context.Background(), control.ExecRequest{Instance: id, Command: []string{"sh", "-c", script}})
	require.NoError(t, err)
	return string(result.Stdout) + string(result.Stderr), result.Exit
}

// MustShell is Shell for a script that has to succeed.
func (w *World) MustShell(t testing.TB, id, script string) string {
	t.Helper()
	output, exit := w.Shell(t, id, script)
	require.Zero(t, exit, "%s: %s", script, output)
	return strings.TrimSpace(output)
}

// Profile makes a role for instances, with a policy document when that is not empty, and its instance profile; both
// have the name.
func (w *World) Profile(t testing.TB, name, policy string) {
	t.Helper()
	ctx := context.Background()
	_, err := w.IAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	require.NoError(t, err)
	if policy != "" {
		_, err = w.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("test"), PolicyDocument: &policy})
		require.NoError(t, err)
	}
	_, err = w.IAM.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name})
	require.NoError(t, err)
	_, err = w.IAM.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &name})
	require.NoError(t, err)
}
