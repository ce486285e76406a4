package conformance_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// What user data does wrong stays in its instance and shows where AWS shows it; a neighbour serves on.
func TestUserDataThatMisbehaves(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	neighbour := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	client := n.Instance(t, world.Instance{Zone: "a"})
	address := w.Address(t, neighbour)
	serves := func(t *testing.T) {
		t.Helper()
		world.Wait(t, "the neighbour to answer", upTo, func() error {
			output, exit := w.Shell(t, client, "curl -sf -m 5 http://"+address+"/health")
			if exit != 0 {
				return assert.AnError
			}
			_ = output
			return nil
		})
	}

	t.Run("it exits with 1", func(t *testing.T) {
		id := n.Instance(t, world.Instance{Zone: "a", UserData: "#!/bin/sh\necho on my way\nexit 1\n"})
		consoleSays(t, w, id, "on my way", "Failed to run script part-001: it exited with 1")
		awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
	})
	t.Run("it is no script", func(t *testing.T) {
		id := n.Instance(t, world.Instance{Zone: "a", UserData: "#cloud-config\npackages: [nginx]\n"})
		consoleSays(t, w, id, "does not implement")
	})
	t.Run("it fills its disk", func(t *testing.T) {
		id := n.Instance(t, world.Instance{Zone: "a", UserData: "#!/bin/sh\nfallocate -l 20G /var/lib/big || head -c 1T /dev/zero > /var/lib/rest 2>&1\ndf -m / | tail -1\necho > /var/lib/one-more || echo no room\n"})
		consoleSays(t, w, id, "No space left on device")
		size := w.MustShell(t, id, "df -BG --output=size / | tail -1 | tr -dc 0-9")
		assert.Contains(t, []string{"7", "8"}, size, "the volume has 8 GiB")
		awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
		_, err := w.EC2.RebootInstances(context.Background(), &ec2.RebootInstancesInput{InstanceIds: []string{id}})
		require.NoError(t, err)
		consoleSays(t, w, id, "going down")
		world.Wait(t, "it to boot with a full disk", upTo, func() error {
			if strings.Count(consoleOf(t, w, id), "booted") < 2 {
				return assert.AnError
			}
			return nil
		})
		serves(t)
	})
	t.Run("it takes all its memory", func(t *testing.T) {
		id := n.Instance(t, world.Instance{Zone: "a", Type: types.InstanceTypeT3Nano, UserData: "#!/bin/sh\npython3 -c 'x = bytearray(2 * 10**9)'\necho python ended with $?\n"})
		consoleSays(t, w, id, "python ended with 137", "Out of memory: Killed")
		awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
		serves(t)
	})
	t.Run("it forks without end", func(t *testing.T) {
		id := n.Instance(t, world.Instance{Zone: "a", UserData: "#!/bin/bash\nbomb() { bomb | bomb & }; bomb\n"})
		consoleSays(t, w, id, "fork rejected by pids controller")
		serves(t)
		_, err := w.EC2.StopInstances(context.Background(), &ec2.StopInstancesInput{InstanceIds: []string{id}, SkipOsShutdown: aws.Bool(true)})
		require.NoError(t, err)
		w.AwaitState(t, id, types.InstanceStateNameStopped)
		serves(t)
	})
}

// The lab is killed while instances run: nothing of them is left, and the next lab boots them from their disks.
func TestInstancesOutliveAKilledLab(t *testing.T) {
	w := world.OpenAlone(t)
	n := w.Network(t, "a")
	id := n.Instance(t, world.Instance{Zone: "a", UserData: "#!/bin/sh\necho once >> /var/lib/ran\n"})
	consoleSays(t, w, id, "user data done")
	require.NotEmpty(t, attached(t, w.Dir), "its volume is on a loop device")
	w.Kill(t)
	world.Wait(t, "the loop devices to be free", upTo, func() error {
		if left := attached(t, w.Dir); len(left) > 0 {
			return assert.AnError
		}
		return nil
	})
	require.NoError(t, w.Start())
	awaitChecks(t, w, id, types.SummaryStatusOk, types.SummaryStatusOk)
	assert.Equal(t, "once", w.MustShell(t, id, "cat /var/lib/ran"), "the disk is kept and the user data has run once")
}

// attached are the images below a folder that loop devices are over.
func attached(t *testing.T, dir string) (images []string) {
	t.Helper()
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), filepath.Join(dir, "instances")) {
			images = append(images, strings.TrimSpace(string(text)))
		}
	}
	return images
}
