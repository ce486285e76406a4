package ec2

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/lab/cloud"
)

func blocks(t *rapid.T, label string) netip.Prefix {
	bits := rapid.IntRange(16, 28).Draw(t, label+" bits")
	raw := [4]byte{10, byte(rapid.IntRange(0, 1).Draw(t, label+" second")), rapid.Byte().Draw(t, label+" third"), rapid.Byte().Draw(t, label+" fourth")}
	return netip.PrefixFrom(netip.AddrFrom4(raw), bits).Masked()
}

// Allocation gives every usable address once, none that AWS reserves, and then none at all.
func TestAllocationIsExhaustiveAndUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(24, 28).Draw(t, "bits")
		block := netip.PrefixFrom(netip.MustParseAddr("10.1.2.0"), bits).Masked()
		taken := map[netip.Addr]bool{}
		isTaken := func(a netip.Addr) (bool, error) { return taken[a], nil }
		for range usable(block) {
			addr, err := freeAddress(block, rapid.Uint64Range(0, 1<<20).Draw(t, "start"), isTaken)
			if err != nil || !addr.IsValid() || taken[addr] || !isUsable(block, addr) || !block.Contains(addr) {
				t.Fatalf("allocated %v of %v (%v); taken before: %v", addr, block, err, taken[addr])
			}
			taken[addr] = true
		}
		if addr, _ := freeAddress(block, 7, isTaken); addr.IsValid() {
			t.Fatalf("allocated %v of the full %v", addr, block)
		}
		for _, reserved := range []uint64{0, 1, 2, 3, size(block) - 1} {
			if isUsable(block, nth(block, reserved)) {
				t.Fatalf("%v of %v is AWS's", nth(block, reserved), block)
			}
		}
	})
}

// within agrees with comparing first and last addresses.
func TestWithinProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := blocks(t, "a"), blocks(t, "b")
		first, last := nth(a, 0), nth(a, size(a)-1)
		if within(a, b) != (b.Contains(first) && b.Contains(last)) {
			t.Fatalf("within(%v, %v) = %v", a, b, within(a, b))
		}
		if a.Overlaps(b) != (within(a, b) || within(b, a)) {
			t.Fatalf("%v and %v: blocks overlap only when one holds the other", a, b)
		}
	})
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		matches        bool
	}{
		{"web", "web", true}, {"web", "Web", false}, {"web*", "web-1", true}, {"*-1", "web-1", true}, {"w*b*1", "web-1", true},
		{"web?", "web1", true}, {"web?", "web", true}, {"web?", "web12", false}, {"*", "", true}, {"?", "", true},
		{`web\*`, "web*", true}, {`web\*`, "web1", false}, {`a\\b`, `a\b`, true}, {"*a*a*", "banana", true}, {"*a*b", "banana", false},
	} {
		assert.Equal(t, c.matches, wildcard(c.pattern, c.value), "%q %q", c.pattern, c.value)
	}
}

// wildcard agrees with a regular expression of the same meaning.
func TestWildcardProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?]{0,8}`).Draw(t, "pattern")
		value := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "value")
		same := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".?").Replace(pattern) + "$")
		if wildcard(pattern, value) != same.MatchString(value) {
			t.Fatalf("wildcard(%q, %q) = %v", pattern, value, wildcard(pattern, value))
		}
	})
}

func TestRefuseBeyondNamesTheMember(t *testing.T) {
	data := &types.ResponseLaunchTemplateData{
		NetworkInterfaces:  []types.LaunchTemplateInstanceNetworkInterfaceSpecification{{Groups: []string{"sg-1"}, Ipv6AddressCount: aws.Int32(0)}},
		HibernationOptions: &types.LaunchTemplateHibernationOptions{Configured: aws.Bool(false)},
	}
	require.NoError(t, checkLaunchData(data), "what asks for nothing is harmless")
	data.NetworkInterfaces[0].Ipv6AddressCount = aws.Int32(1)
	err := checkLaunchData(data)
	assert.True(t, cloud.HasCode(err, "UnsupportedOperation"))
	assert.ErrorContains(t, err, "NetworkInterfaces.Ipv6AddressCount")
	data.NetworkInterfaces = nil
	data.HibernationOptions.Configured = aws.Bool(true)
	assert.ErrorContains(t, checkLaunchData(data), "HibernationOptions.Configured")
}

func TestConvertRefusesWhatHasNoCounterpart(t *testing.T) {
	_, err := convert[types.LaunchTemplateBlockDeviceMapping](types.BlockDeviceMapping{Ebs: &types.EbsBlockDevice{OutpostArn: aws.String("arn")}})
	assert.ErrorContains(t, err, "OutpostArn")
	mapping, err := convert[types.LaunchTemplateBlockDeviceMapping](types.BlockDeviceMapping{DeviceName: aws.String("/dev/xvda"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(9)}})
	require.NoError(t, err)
	assert.EqualValues(t, 9, *mapping.Ebs.VolumeSize)
}

func TestEveryInstanceTypeIsWhole(t *testing.T) {
	known := types.InstanceType("").Values()
	for _, kind := range allInstanceTypes() {
		assert.Contains(t, known, types.InstanceType(kind.name))
		assert.Positive(t, kind.size.vcpus, kind.name)
		assert.Positive(t, kind.cores(), kind.name)
		assert.Positive(t, kind.size.memoryMiB, kind.name)
	}
}
