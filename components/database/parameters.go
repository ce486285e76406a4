package database

import "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// parameter is one setting of the cluster; all of these take effect at once.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Reference.ParameterGroups.html
type parameter struct{ name, value, why string }

var clusterParameters = []parameter{
	{"rds.force_ssl", "1", "no connection without TLS"},
	{"log_connections", "1", "who came"},
	{"log_disconnections", "1", "who left"},
	{"log_min_duration_statement", "1000", "statements over a second, in milliseconds"},
	{"idle_in_transaction_session_timeout", "60000", "a client that hangs in a transaction blocks others for a minute at most, in milliseconds"},
}

var instanceParameters = []parameter{
	{"log_lock_waits", "1", "who waited for whom"},
	{"log_temp_files", "10240", "sorts that spill to disk, over 10 MB, in kilobytes"},
}

func clusterParameterArray() rds.ClusterParameterGroupParameterArray {
	out := rds.ClusterParameterGroupParameterArray{}
	for _, p := range clusterParameters {
		out = append(out, &rds.ClusterParameterGroupParameterArgs{
			Name: pulumi.String(p.name), Value: pulumi.String(p.value), ApplyMethod: pulumi.String("immediate"),
		})
	}
	return out
}

func instanceParameterArray() rds.ParameterGroupParameterArray {
	out := rds.ParameterGroupParameterArray{}
	for _, p := range instanceParameters {
		out = append(out, &rds.ParameterGroupParameterArgs{
			Name: pulumi.String(p.name), Value: pulumi.String(p.value), ApplyMethod: pulumi.String("immediate"),
		})
	}
	return out
}
