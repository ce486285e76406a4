package main

import (
	"context"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
)

// Suffix and separator of every automatic name: "<logical name>-<7 hex digits>".
const (
	separator     = "-"
	suffixLength  = 7
	longestByRule = 255
)

// lengths are the limits of names where AWS allows fewer than 255 characters, as in the service's API reference.
var lengths = map[string]int{
	"aws_alb":                   32,
	"aws_alb_target_group":      32,
	"aws_cloudwatch_event_rule": 64,
	"aws_iam_role":              64,
	"aws_lb":                    32,
	"aws_lb_target_group":       32,
}

// otherNames are the properties that carry a resource's name though they are not called "name".
var otherNames = []struct {
	resource, property, pulumi string
	longest                    int
	lower                      bool
}{
	{resource: "aws_cloudwatch_event_target", property: "target_id", pulumi: "targetId", longest: 255},
	{resource: "aws_cloudwatch_metric_alarm", property: "alarm_name", pulumi: "name", longest: 255},
	{resource: "aws_efs_file_system", property: "creation_token", pulumi: "creationToken", longest: 255},
	{resource: "aws_key_pair", property: "key_name", pulumi: "keyName", longest: 255},
	{resource: "aws_s3_bucket", property: "bucket", pulumi: "bucket", longest: 63, lower: true},
}

// autoname lets every resource with a name go without one in the program, as the official plugin does.
func autoname(info *tfbridge.ProviderInfo) {
	for resource, length := range lengths {
		if r := info.Resources[resource]; r != nil {
			setField(r, "name", tfbridge.AutoName("name", length, separator))
		}
	}
	for _, other := range otherNames {
		r := info.Resources[other.resource]
		if r == nil {
			continue
		}
		transform := func(name string) string { return name }
		if other.lower {
			transform = strings.ToLower
		}
		setField(r, other.property, tfbridge.AutoNameTransform(other.pulumi, other.longest, transform))
	}
	nameFIFO(info, "aws_sns_topic", "fifoTopic")
	nameFIFO(info, "aws_sqs_queue", "fifoQueue")
	nameAlias(info)
	nameObjects(info)
	info.SetAutonaming(longestByRule, separator)
}

// nameFIFO names topics and queues, which end in ".fifo" when they keep their messages in order.
func nameFIFO(info *tfbridge.ProviderInfo, resource, flag string) {
	r := info.Resources[resource]
	if r == nil {
		return
	}
	setField(r, "name", tfbridge.AutoNameWithCustomOptions("name", tfbridge.AutoNameOptions{
		Separator: separator, Maxlen: 80, Randlen: suffixLength,
		PostTransform: func(res *tfbridge.PulumiResource, name string) (string, error) {
			if fifo, ok := res.Properties[tfPropertyKey(flag)]; ok && fifo.IsBool() && fifo.BoolValue() {
				return name + ".fifo", nil
			}
			return name, nil
		},
	}))
}

// nameAlias names KMS aliases, which begin with "alias/".
func nameAlias(info *tfbridge.ProviderInfo) {
	r := info.Resources["aws_kms_alias"]
	if r == nil {
		return
	}
	const prefix = "alias/"
	setField(r, "name", tfbridge.AutoNameWithCustomOptions("name", tfbridge.AutoNameOptions{
		Separator: separator, Maxlen: 238, Randlen: suffixLength,
		PostTransform: func(_ *tfbridge.PulumiResource, name string) (string, error) {
			return prefix + strings.TrimPrefix(name, prefix), nil
		},
	}))
}

// nameObjects gives objects in a bucket the resource's own name, without a suffix, as their key.
func nameObjects(info *tfbridge.ProviderInfo) {
	for _, resource := range []string{"aws_s3_object", "aws_s3_bucket_object"} {
		if r := info.Resources[resource]; r != nil {
			setField(r, "key", &tfbridge.SchemaInfo{Default: &tfbridge.DefaultInfo{
				ComputeDefault: func(ctx context.Context, o tfbridge.ComputeDefaultOptions) (any, error) {
					return tfbridge.ComputeAutoNameDefault(ctx, tfbridge.AutoNameOptions{}, o)
				},
			}})
		}
	}
}
