package conformance_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// reaches asks an instance whether it can open a TCP connection.
func reaches(t *testing.T, w *world.World, from, address, port string) bool {
	t.Helper()
	_, exit := w.Shell(t, from, "timeout 2 bash -c 'exec 3<>/dev/tcp/"+address+"/"+port+"'")
	return exit == 0
}

func TestARequestFromOutsideReachesAnInstance(t *testing.T) {
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	id := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	b := n.Balancer(t)
	b.Register(t, id)
	b.AwaitHealth(t, id, elbtypes.TargetHealthStateEnumHealthy)
	for _, node := range b.Nodes(t) {
		response, err := world.Client(node).Get("http://site.test/")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		require.NotEmpty(t, body)
	}
}

func TestASecurityGroupWithoutThePortDropsSilently(t *testing.T) {
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	closed := n.SecurityGroup(t, "tcp 22 22 10.0.0.0/8")
	server := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80), Groups: []string{closed}})
	client := n.Instance(t, world.Instance{Zone: "b"})
	address := w.Address(t, server)
	require.False(t, reaches(t, w, client, address, "80"))

	permission := world.Permission(t, "tcp 80 80 "+n.Open)
	_, err := w.EC2.AuthorizeSecurityGroupIngress(context.Background(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &closed, IpPermissions: []types.IpPermission{permission}})
	require.NoError(t, err)
	world.Wait(t, "the rule to let the client through", 30*time.Second, func() error {
		if !reaches(t, w, client, address, "80") {
			return context.DeadlineExceeded
		}
		return nil
	})
}
