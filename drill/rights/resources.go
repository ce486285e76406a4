package rights

import (
	"maps"
	"slices"
	"strings"

	"haven/infra/outputs"
)

// about is what an action is allowed on.
type about struct {
	arns      []string // patterns with ${Name}
	condition string   // key of a condition that has to equal the stack's name; empty: none
}

func on(arns ...string) about { return about{arns: arns} }

// everything is for actions that know no resources.
var everything = on("*")

const arn = "arn:aws:"

// The resources, as patterns.
const (
	place       = ":${Region}:${Account}:"
	group       = arn + "autoscaling" + place + "autoScalingGroup:*:autoScalingGroupName/${Group}"
	targetGroup = "${TargetGroup}"
	balancer    = "${Balancer}"
	instances   = arn + "ec2" + place + "instance/*"
	cluster     = "${Cluster}"
	members     = arn + "rds" + place + "db:${Member}"
	files       = arn + "elasticfilesystem" + place + "file-system/${FileSystem}"
	firewall    = "${Firewall}"
	experiments = arn + "fis" + place + "experiment/*"
	templates   = arn + "fis" + place + "experiment-template/${Template}"
	logs        = arn + "logs" + place + "log-group:${LogGroup}:*"
	alarms      = arn + "cloudwatch" + place + "alarm:${Alarm}"
	topic       = "${Topic}"
	secret      = "${Secret}"
	shellScript = arn + "ssm:${Region}::document/AWS-RunShellScript"
)

// ofStack narrows actions on instances to those that carry the stack's tag.
func ofStack(arns ...string) about { return about{arns, "aws:ResourceTag/Stack"} }

// resources is what each action is about:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var resources = map[string]about{
	"arc-zonal-shift:CancelZonalShift":                    on(balancer),
	"arc-zonal-shift:GetManagedResource":                  on(balancer),
	"arc-zonal-shift:ListZonalShifts":                     everything,
	"arc-zonal-shift:StartZonalShift":                     on(balancer),
	"autoscaling:CancelInstanceRefresh":                   on(group),
	"autoscaling:DescribeAutoScalingGroups":               everything,
	"autoscaling:DescribeAutoScalingInstances":            everything,
	"autoscaling:DescribeInstanceRefreshes":               everything,
	"autoscaling:DescribePolicies":                        everything,
	"autoscaling:DescribeScalingActivities":               everything,
	"autoscaling:ResumeProcesses":                         on(group),
	"autoscaling:RollbackInstanceRefresh":                 on(group),
	"autoscaling:SetDesiredCapacity":                      on(group),
	"autoscaling:SetInstanceHealth":                       on(group),
	"autoscaling:StartInstanceRefresh":                    on(group),
	"autoscaling:SuspendProcesses":                        on(group),
	"autoscaling:TerminateInstanceInAutoScalingGroup":     on(group),
	"autoscaling:UpdateAutoScalingGroup":                  on(group),
	"cloudwatch:DescribeAlarmHistory":                     on(alarms),
	"cloudwatch:DescribeAlarms":                           on(alarms),
	"cloudwatch:GetMetricData":                            everything,
	"cloudwatch:GetMetricStatistics":                      everything,
	"cloudwatch:SetAlarmState":                            on(alarms),
	"ec2:AuthorizeSecurityGroupIngress":                   ofStack(arn + "ec2" + place + "security-group/*"),
	"ec2:CreateLaunchTemplateVersion":                     ofStack(arn + "ec2" + place + "launch-template/*"),
	"ec2:CreateNetworkAclEntry":                           ofStack(arn + "ec2" + place + "network-acl/*"),
	"ec2:DeleteLaunchTemplateVersions":                    ofStack(arn + "ec2" + place + "launch-template/*"),
	"ec2:DeleteNetworkAclEntry":                           ofStack(arn + "ec2" + place + "network-acl/*"),
	"ec2:DescribeAvailabilityZones":                       everything,
	"ec2:DescribeInstances":                               everything,
	"ec2:DescribeLaunchTemplateVersions":                  everything,
	"ec2:DescribeLaunchTemplates":                         everything,
	"ec2:DescribeNetworkAcls":                             everything,
	"ec2:DescribeNetworkInterfaces":                       everything,
	"ec2:DescribeSecurityGroupRules":                      everything,
	"ec2:DescribeSecurityGroups":                          everything,
	"ec2:DescribeSubnets":                                 everything,
	"ec2:GetConsoleOutput":                                ofStack(instances),
	"ec2:ModifyNetworkInterfaceAttribute":                 on(arn+"ec2"+place+"network-interface/*", arn+"ec2"+place+"security-group/*"),
	"ec2:RebootInstances":                                 ofStack(instances),
	"ec2:RevokeSecurityGroupIngress":                      ofStack(arn + "ec2" + place + "security-group/*"),
	"ec2:TerminateInstances":                              ofStack(instances),
	"elasticfilesystem:DescribeFileSystems":               on(files),
	"elasticfilesystem:DescribeMountTargetSecurityGroups": on(files),
	"elasticfilesystem:DescribeMountTargets":              on(files),
	"elasticfilesystem:ModifyMountTargetSecurityGroups":   on(files),
	"elasticloadbalancing:DeleteLoadBalancer":             on(balancer),
	"elasticloadbalancing:DescribeLoadBalancerAttributes": everything,
	"elasticloadbalancing:DescribeLoadBalancers":          everything,
	"elasticloadbalancing:DescribeTargetGroupAttributes":  everything,
	"elasticloadbalancing:DescribeTargetGroups":           everything,
	"elasticloadbalancing:DescribeTargetHealth":           everything,
	"elasticloadbalancing:ModifyLoadBalancerAttributes":   on(balancer),
	"elasticloadbalancing:ModifyTargetGroup":              on(targetGroup),
	"fis:GetExperiment":                                   on(experiments),
	"fis:ListExperiments":                                 everything,
	"fis:StartExperiment":                                 on(experiments, templates),
	"fis:StopExperiment":                                  on(experiments),
	"logs:FilterLogEvents":                                on(logs),
	"logs:GetLogEvents":                                   on(logs),
	"network-firewall:DeleteFirewall":                     on(firewall),
	"network-firewall:DescribeFirewall":                   on(firewall),
	"network-firewall:UpdateFirewallDeleteProtection":     on(firewall),
	"rds:DeleteDBCluster":                                 on(cluster, arn+"rds"+place+"cluster-snapshot:*"),
	"rds:DescribeDBClusters":                              on(cluster),
	"rds:DescribeDBInstances":                             on(arn + "rds" + place + "db:*"),
	"rds:DescribeEvents":                                  everything,
	"rds:FailoverDBCluster":                               on(cluster),
	"rds:ModifyDBCluster":                                 on(cluster),
	"rds:RebootDBInstance":                                on(members),
	"secretsmanager:DescribeSecret":                       on(secret),
	"secretsmanager:GetSecretValue":                       on(secret),
	"secretsmanager:RotateSecret":                         on(secret),
	"sns:ConfirmSubscription":                             on(topic),
	"sns:ListSubscriptionsByTopic":                        on(topic),
	"ssm:CancelCommand":                                   everything,
	"ssm:DescribeInstanceInformation":                     everything,
	"ssm:GetCommandInvocation":                            everything,
	"ssm:ListCommandInvocations":                          everything,
	"ssm:SendCommand":                                     on(instances, shellScript),
}

// placeholders leave each name open.
var placeholders = open("Account", "Alarm", "Balancer", "Cluster", "FileSystem", "Firewall", "Group", "LogGroup", "Member", "Region", "Secret", "Stack", "TargetGroup", "Template", "Topic")

func open(names ...string) map[string][]string {
	all := map[string][]string{}
	for _, name := range names {
		all[name] = []string{"${" + name + "}"}
	}
	return all
}

// known are a stack's own names.
func known(o outputs.Outputs) map[string][]string {
	values := func(all map[string]string) []string { return slices.Sorted(maps.Values(all)) }
	names := map[string][]string{
		"Account": {accountOf(o)}, "Region": {o.Region}, "Stack": {stackOf(o)}, "Balancer": {o.LoadBalancer.ARN}, "TargetGroup": {o.LoadBalancer.TargetGroup}, "Group": {o.Web.GroupName},
		"Cluster": {o.Database.ClusterARN}, "Member": values(o.Database.Members), "Secret": {o.Database.SecretARN}, "FileSystem": {o.Storage.FileSystemID},
		"Firewall": {o.Firewall.ARN}, "LogGroup": values(o.LogGroups), "Alarm": values(o.Monitoring.Alarms), "Topic": {o.Monitoring.Topic}, "Template": values(o.Drills),
	}
	maps.DeleteFunc(names, func(_ string, all []string) bool { return slices.Contains(all, "") })
	return names
}

// accountOf is the account's number, as it is in every ARN.
func accountOf(o outputs.Outputs) string {
	parts := strings.Split(o.Database.ClusterARN, ":")
	if len(parts) < 5 {
		return ""
	}
	return parts[4]
}

// stackOf is the stack's name, as its log groups are called: /haven/STACK/….
func stackOf(o outputs.Outputs) string {
	parts := strings.Split(o.LogGroups["firewallAlert"], "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}
