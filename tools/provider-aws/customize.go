package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// customize names and shapes properties where the bridge's rules would not give pulumi-aws's own. What is not listed
// needs nothing; test/contract finds what is missing.
func customize(resources map[string]*tfbridge.ResourceInfo) {
	for name, properties := range renamed {
		for property, pulumi := range properties {
			setField(resources[name], property, &tfbridge.SchemaInfo{Name: pulumi})
		}
	}
	for name, properties := range plural {
		for property, pulumi := range properties {
			setField(resources[name], property, &tfbridge.SchemaInfo{Name: pulumi, MaxItemsOne: tfbridge.False()})
		}
	}
	for name, property := range described {
		setField(resources[name], property, &tfbridge.SchemaInfo{
			Default: &tfbridge.DefaultInfo{Value: "Managed by Pulumi"},
		})
	}
	for _, name := range replacedInPlace {
		if r := resources[name]; r != nil {
			r.DeleteBeforeReplace = true
		}
	}
	for name, properties := range files {
		for _, property := range properties {
			setField(resources[name], property, &tfbridge.SchemaInfo{
				Asset: &tfbridge.AssetTranslation{Kind: tfbridge.FileAsset},
			})
		}
	}
	typed(resources)
	bucketBlocks(resources["aws_s3_bucket"])
	aclBodies(resources["aws_wafv2_web_acl"])
}

// aclBodies keeps the limits of request bodies, one block for each kind of resource, arrays.
func aclBodies(acl *tfbridge.ResourceInfo) {
	body := map[string]*tfbridge.SchemaInfo{}
	for block, name := range map[string]string{
		"api_gateway": "apiGateways", "app_runner_service": "appRunnerServices", "cloudfront": "cloudfronts",
		"cognito_user_pool": "cognitoUserPools", "verified_access_instance": "verifiedAccessInstances",
	} {
		body[block] = &tfbridge.SchemaInfo{Name: name, MaxItemsOne: tfbridge.False()}
	}
	setField(acl, "association_config", &tfbridge.SchemaInfo{Elem: &tfbridge.SchemaInfo{
		Fields: map[string]*tfbridge.SchemaInfo{"request_body": {Elem: &tfbridge.SchemaInfo{Fields: body}}},
	}})
}

// customizeFunctions does the same for data sources.
func customizeFunctions(functions map[string]*tfbridge.DataSourceInfo) {
	boolean := &tfbridge.SchemaInfo{Type: "boolean"}
	functions["aws_launch_template"].Fields = map[string]*tfbridge.SchemaInfo{
		"network_interfaces": {Elem: &tfbridge.SchemaInfo{Fields: map[string]*tfbridge.SchemaInfo{
			"associate_public_ip_address": boolean, "delete_on_termination": boolean,
		}}},
	}
	for _, name := range []string{"aws_alb", "aws_lb"} {
		functions[name].Fields = map[string]*tfbridge.SchemaInfo{"access_logs": single("accessLogs")}
		functions[name+"_target_group"].Fields = map[string]*tfbridge.SchemaInfo{
			"health_check": single("healthCheck"), "stickiness": single("stickiness"),
		}
	}
}

// single is a block that is one object although Terraform's schema allows several.
func single(name string) *tfbridge.SchemaInfo {
	return &tfbridge.SchemaInfo{Name: name, MaxItemsOne: tfbridge.True()}
}

// typed properties are numbers that Terraform's schema keeps as text, to tell zero from nothing.
func typed(resources map[string]*tfbridge.ResourceInfo) {
	integer := &tfbridge.SchemaInfo{Type: "integer"}
	setField(resources["aws_alb_target_group"], "deregistration_delay", integer)
	setField(resources["aws_lb_target_group"], "deregistration_delay", integer)
	setField(resources["aws_appautoscaling_scheduled_action"], "scalable_target_action", &tfbridge.SchemaInfo{
		Elem: &tfbridge.SchemaInfo{Fields: map[string]*tfbridge.SchemaInfo{
			"max_capacity": integer, "min_capacity": integer,
		}},
	})
}

// tagsAllAreOutputs keeps the merged tags from being settable: the provider computes them from a resource's own tags
// and the defaults.
func tagsAllAreOutputs(info *tfbridge.ProviderInfo) {
	for name, r := range info.Resources {
		schema := info.P.ResourcesMap().Get(name).Schema()
		if tags, ok := schema.GetOk("tags_all"); ok && tags.Optional() {
			setField(r, "tags_all", &tfbridge.SchemaInfo{MarkAsComputedOnly: tfbridge.True()})
		}
	}
}

// renamed properties keep a name that the rule for plurals would change.
var renamed = map[string]map[string]string{
	"aws_autoscaling_group":                  {"tag": "tags"},
	"aws_cloudwatch_log_subscription_filter": {"log_group_name": "logGroup"},
	"aws_default_network_acl":                {"ingress": "ingress", "egress": "egress"},
	"aws_default_security_group":             {"ingress": "ingress", "egress": "egress"},
	"aws_network_acl":                        {"ingress": "ingress", "egress": "egress"},
	"aws_route53_record":                     {"name": "name"}, // a domain name: never automatic
	"aws_s3_bucket_website_configuration":    {"routing_rules": "routingRuleDetails", "routing_rule": "routingRules"},
	"aws_security_group":                     {"ingress": "ingress", "egress": "egress"},
	"aws_sns_topic_subscription":             {"topic_arn": "topic"},
}

// plural properties are arrays although Terraform's schema allows one element only.
var plural = map[string]map[string]string{
	"aws_route53_record": {
		"alias":                      "aliases",
		"failover_routing_policy":    "failoverRoutingPolicies",
		"geolocation_routing_policy": "geolocationRoutingPolicies",
		"latency_routing_policy":     "latencyRoutingPolicies",
		"weighted_routing_policy":    "weightedRoutingPolicies",
	},
}

// described resources have a property that says who manages them.
var described = map[string]string{
	"aws_db_option_group":             "option_group_description",
	"aws_db_parameter_group":          "description",
	"aws_db_subnet_group":             "description",
	"aws_rds_cluster_parameter_group": "description",
	"aws_route53_zone":                "comment",
	"aws_security_group":              "description",
}

// replacedInPlace resources cannot exist twice, or deleting the old one would delete the new one too.
var replacedInPlace = []string{
	"aws_cloudwatch_log_subscription_filter",
	"aws_efs_mount_target",
	"aws_iam_account_alias",
	"aws_iam_group_policy_attachment",
	"aws_iam_policy_attachment",
	"aws_iam_role_policy_attachment",
	"aws_iam_user_policy_attachment",
	"aws_lb_listener",
	"aws_lb_target_group_attachment",
	"aws_security_group_rule",
}

// files are properties that take a Pulumi asset, where Terraform takes the path of a file.
var files = map[string][]string{
	"aws_s3_bucket_object": {"source"},
	"aws_s3_object":        {"source"},
}

// bucketBlocks keeps the deprecated blocks of a bucket in the shape that BucketV2 has: arrays all the way down.
func bucketBlocks(bucket *tfbridge.ResourceInfo) {
	if bucket == nil {
		return
	}
	many := func(name string, fields map[string]*tfbridge.SchemaInfo) *tfbridge.SchemaInfo {
		s := &tfbridge.SchemaInfo{Name: name, MaxItemsOne: tfbridge.False()}
		if fields != nil {
			s.Elem = &tfbridge.SchemaInfo{Fields: fields}
		}
		return s
	}
	type fields = map[string]*tfbridge.SchemaInfo
	setField(bucket, "logging", many("loggings", nil))
	setField(bucket, "versioning", many("versionings", nil))
	setField(bucket, "website", many("websites", nil))
	setField(bucket, "server_side_encryption_configuration", many("serverSideEncryptionConfigurations", fields{
		"rule": many("rules", fields{
			"apply_server_side_encryption_by_default": many("applyServerSideEncryptionByDefaults", nil),
		}),
	}))
	setField(bucket, "lifecycle_rule", &tfbridge.SchemaInfo{Elem: &tfbridge.SchemaInfo{Fields: fields{
		"expiration":                    many("expirations", nil),
		"noncurrent_version_expiration": many("noncurrentVersionExpirations", nil),
	}}})
	setField(bucket, "object_lock_configuration", &tfbridge.SchemaInfo{Elem: &tfbridge.SchemaInfo{Fields: fields{
		"rule": many("rules", fields{"default_retention": many("defaultRetentions", nil)}),
	}}})
	setField(bucket, "replication_configuration", many("replicationConfigurations", fields{
		"rules": {Elem: &tfbridge.SchemaInfo{Fields: fields{
			"filter": many("filters", nil),
			"source_selection_criteria": many("sourceSelectionCriterias", fields{
				"sse_kms_encrypted_objects": many("sseKmsEncryptedObjects", nil),
			}),
			"destination": many("destinations", fields{
				"metrics":                    {MaxItemsOne: tfbridge.False()},
				"replication_time":           many("replicationTimes", nil),
				"access_control_translation": many("accessControlTranslations", nil),
			}),
		}}},
	}))
}

// setField describes one property of a resource, if this build has the resource.
func setField(r *tfbridge.ResourceInfo, property string, s *tfbridge.SchemaInfo) {
	if r == nil {
		return
	}
	if r.Fields == nil {
		r.Fields = map[string]*tfbridge.SchemaInfo{}
	}
	r.Fields[property] = s
}

func tfPropertyKey(name string) resource.PropertyKey { return resource.PropertyKey(name) }
