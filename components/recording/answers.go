package recording

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// answered is the state that a created resource has: its inputs, and what AWS
// would add.
func answered(typ, name, region string, inputs resource.PropertyMap) resource.PropertyMap {
	state := maps.Clone(inputs)
	add := func(key string, value any) {
		if _, given := state[resource.PropertyKey(key)]; !given {
			state[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
		}
	}
	add("arn", "arn:aws:mock:"+Region+":"+Account+":"+name)
	add("name", name)
	switch typ {
	case "aws:networkfirewall/firewall:Firewall":
		add("firewallStatuses", []any{map[string]any{"syncStates": endpoints(region, inputs)}})
	case "aws:rds/cluster:Cluster":
		add("endpoint", name+".cluster.example")
		add("readerEndpoint", name+".cluster-ro.example")
		add("masterUserSecrets", []any{map[string]any{"secretArn": "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:" + name}})
	case "aws:rds/clusterInstance:ClusterInstance":
		add("endpoint", name+".member.example")
	case "aws:lb/loadBalancer:LoadBalancer":
		add("dnsName", name+".elb.example")
		add("zoneId", "ZELB")
		add("arnSuffix", "app/"+name+"/1")
	case "aws:lb/targetGroup:TargetGroup":
		add("arnSuffix", "targetgroup/"+name+"/1")
	case "aws:ec2/launchTemplate:LaunchTemplate":
		add("latestVersion", 1)
	case "aws:ec2/eip:Eip":
		add("publicIp", "198.51.100."+name[len(name)-1:])
	case "aws:s3/bucketV2:BucketV2":
		add("bucket", name)
	case "aws:kms/key:Key":
		add("keyId", name)
	case "aws:route53/zone:Zone":
		add("zoneId", "Z"+name)
	case "aws:route53/record:Record":
		add("fqdn", name+".example")
	case "aws:acm/certificate:Certificate":
		add("domainValidationOptions", []any{map[string]any{
			"domainName": "example", "resourceRecordName": "_proof.example",
			"resourceRecordType": "CNAME", "resourceRecordValue": "_value.example",
		}})
	}
	return state
}

// endpoints gives each mapped subnet an endpoint in the zone that the subnet's
// id ends with, last zone first: callers must not rely on an order.
func endpoints(region string, inputs resource.PropertyMap) []any {
	var states []any
	for _, mapping := range inputs["subnetMappings"].ArrayValue() {
		subnet := mapping.ObjectValue()["subnetId"].StringValue()
		letter := subnet[len(subnet)-1:]
		states = append([]any{map[string]any{
			"availabilityZone": region + letter,
			"attachments":      []any{map[string]any{"endpointId": "vpce-" + letter, "subnetId": subnet}},
		}}, states...)
	}
	return states
}

// known leaves out what a preview does not know: Pulumi takes an attribute that
// is missing from a preview's answer as unknown.
func known(inputs resource.PropertyMap) resource.PropertyMap {
	state := resource.PropertyMap{}
	for key, value := range inputs {
		if !value.ContainsUnknowns() {
			state[key] = value
		}
	}
	return state
}
