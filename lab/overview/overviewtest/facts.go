// Package overviewtest has the facts of an imaginary environment for tests: three zones with a firewall endpoint, a NAT
// gateway, a balancer node, two servers, a database member, a mount target and a copy of the files in each.
package overviewtest

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	fwtypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/overview"
)

// Begun is when the environment came up.
var Begun = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// Facts returns the environment, all of it well. Each call returns its own.
func Facts() overview.Facts {
	f := overview.Facts{
		Region: "us-east-1", Zones: []string{"us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"}, Time: Begun.Add(time.Hour), Realm: "running",
		Members:   map[string]overview.DatabaseMember{},
		Firewalls: []overview.Firewall{{Name: "haven-firewall", Status: &fwtypes.FirewallStatus{SyncStates: map[string]fwtypes.SyncState{}}}},
		Balancers: []elbtypes.LoadBalancer{{
			LoadBalancerName: aws.String("haven-lab"), DNSName: aws.String("haven-lab-1.us-east-1.elb.amazonaws.com"),
			Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing, State: &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive},
		}},
		Targets: []overview.TargetGroup{{Name: "haven-web"}},
		Groups: []astypes.AutoScalingGroup{{
			AutoScalingGroupName: aws.String("haven-web"), MinSize: aws.Int32(6), DesiredCapacity: aws.Int32(6), MaxSize: aws.Int32(12),
		}},
		Clusters: []rdstypes.DBCluster{{
			DBClusterIdentifier: aws.String("haven-database"), Status: aws.String("available"), Endpoint: aws.String("haven-database.cluster.rds"),
		}},
		FileSystems: []efstypes.FileSystemDescription{{FileSystemId: aws.String("fs-1"), LifeCycleState: efstypes.LifeCycleStateAvailable}},
		Disks: map[string]overview.Disks{"fs-1": {
			Ready: true, Copies: map[string]string{}, Used: 48_300_000, Serving: map[string]bool{}, Clients: map[string]int{},
		}},
		Alarms: []overview.Alarm{
			{Name: "haven-5xx", State: "OK", About: "HTTPCode_ELB_5XX_Count", Since: Begun},
			{Name: "haven-unhealthy-hosts", State: "OK", About: "UnHealthyHostCount", Since: Begun},
			{Name: "TargetTracking-haven-web-AlarmLow", State: "ALARM", About: "RequestCountPerTarget", Since: Begun},
		},
	}
	for i, letter := range []string{"a", "b", "c"} {
		addZone(&f, i, "us-east-1"+letter, letter)
	}
	return f
}

func addZone(f *overview.Facts, i int, zone, letter string) {
	address := func(tier, host int) string { return fmt.Sprintf("10.0.%d.%d", i*16+tier, host) }
	f.Subnets = append(f.Subnets, ec2types.Subnet{SubnetId: aws.String("subnet-" + letter), AvailabilityZone: aws.String(zone)})
	f.Firewalls[0].Status.SyncStates[zone] = fwtypes.SyncState{Attachment: &fwtypes.Attachment{
		EndpointId: aws.String("vpce-" + letter), Status: fwtypes.AttachmentStatusReady,
	}}
	f.Doors = append(f.Doors, ec2types.VpcEndpoint{VpcEndpointId: aws.String("vpce-" + letter), NetworkInterfaceIds: []string{"eni-firewall-" + letter}})
	f.NATs = append(f.NATs, ec2types.NatGateway{
		NatGatewayId: aws.String("nat-" + letter), State: ec2types.NatGatewayStateAvailable, SubnetId: aws.String("subnet-" + letter),
		NatGatewayAddresses: []ec2types.NatGatewayAddress{{
			PrivateIp: aws.String(address(1, 9)), PublicIp: aws.String(fmt.Sprintf("198.18.0.%d", 20+i)), NetworkInterfaceId: aws.String("eni-nat-" + letter),
		}},
	})
	f.Nodes = append(f.Nodes, overview.BalancerNode{
		Balancer: "haven-lab", Zone: zone, Interface: "eni-node-" + letter, Private: address(1, 5), Public: fmt.Sprintf("198.18.0.%d", 10+i),
		Loopback: fmt.Sprintf("127.80.1.%d", i+1), Ports: []int{80, 443}, Running: true,
	})
	for n := range 2 {
		addServer(f, zone, fmt.Sprintf("i-0%s%d7f3c9d2e81b460%s", letter, n+1, letter), address(2, 10+n), time.Duration(i*2+n)*time.Second)
	}
	name := "haven-database-" + letter
	f.Databases = append(f.Databases, rdstypes.DBInstance{
		DBInstanceIdentifier: aws.String(name), DBClusterIdentifier: aws.String("haven-database"), DBInstanceStatus: aws.String("available"), AvailabilityZone: aws.String(zone),
	})
	f.Clusters[0].DBClusterMembers = append(f.Clusters[0].DBClusterMembers, rdstypes.DBClusterMember{
		DBInstanceIdentifier: aws.String(name), IsClusterWriter: aws.Bool(i == 0), PromotionTier: aws.Int32(int32(i)),
	})
	f.Members[name] = overview.DatabaseMember{
		Interface: "eni-database-" + letter, Phase: "available", Streaming: i > 0, Synchronous: i == 1, Lag: time.Duration(i) * 3 * time.Millisecond,
	}
	mount := "fsmt-" + letter
	f.Mounts = append(f.Mounts, efstypes.MountTargetDescription{
		MountTargetId: aws.String(mount), FileSystemId: aws.String("fs-1"), AvailabilityZoneName: aws.String(zone), IpAddress: aws.String(address(4, 7)),
		LifeCycleState: efstypes.LifeCycleStateAvailable, NetworkInterfaceId: aws.String("eni-mount-" + letter),
	})
	f.Disks["fs-1"].Copies[zone], f.Disks["fs-1"].Serving[mount], f.Disks["fs-1"].Clients[mount] = "healthy", true, 2
}

func addServer(f *overview.Facts, zone, id, address string, after time.Duration) {
	f.Instances = append(f.Instances, ec2types.Instance{
		InstanceId: aws.String(id), State: &ec2types.InstanceState{Name: ec2types.InstanceStateNameRunning}, PrivateIpAddress: aws.String(address),
		InstanceType: ec2types.InstanceTypeT3Small, LaunchTime: aws.Time(Begun.Add(after)), Placement: &ec2types.Placement{AvailabilityZone: aws.String(zone)},
		NetworkInterfaces: []ec2types.InstanceNetworkInterface{{NetworkInterfaceId: aws.String("eni-" + id)}},
		Tags:              []ec2types.Tag{{Key: aws.String("aws:autoscaling:groupName"), Value: aws.String("haven-web")}, {Key: aws.String("Version"), Value: aws.String("v7")}},
	})
	ok := &ec2types.InstanceStatusSummary{Status: ec2types.SummaryStatusOk}
	f.Statuses = append(f.Statuses, ec2types.InstanceStatus{InstanceId: aws.String(id), SystemStatus: ok, InstanceStatus: ok})
	f.Targets[0].Health = append(f.Targets[0].Health, elbtypes.TargetHealthDescription{
		Target: &elbtypes.TargetDescription{Id: aws.String(id)}, TargetHealth: &elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumHealthy},
	})
	f.Groups[0].Instances = append(f.Groups[0].Instances, astypes.Instance{InstanceId: aws.String(id), LifecycleState: astypes.LifecycleStateInService})
}
