package rds

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// parameterTable is what PostgreSQL 15's pg_settings tells: name, when it takes effect, type, unit, least, most, allowed
// words, default, description.
//
//go:embed parameters.tsv
var parameterTable string

// parameter is one that parameter groups may know.
type parameter struct {
	Name        string
	Static      bool // takes effect at a restart
	Type        string
	Min, Max    string
	Words       []string
	Default     string
	Description string
	Fixed       bool // RDS sets it, or the lab needs it
	ClusterOnly bool
}

var knownParameters = loadParameters()

// fixedParameters are settings that hold a member together: where its files are, how it replicates and archives.
var fixedParameters = regexp.MustCompile(`^(archive_.*|restore_command|recovery_.*|primary_.*|promote_trigger_file|data_directory|.*_file|` +
	`listen_addresses|port|unix_socket_.*|cluster_name|logging_collector|log_(destination|directory|filename|file_mode|line_prefix|timezone)|` +
	`ssl|ssl_.*|wal_(level|log_hints|sync_method|keep_size|init_zero|recycle)|full_page_writes|fsync|max_wal_senders|max_replication_slots|` +
	`max_slot_wal_keep_size|hot_standby|hot_standby_feedback|synchronous_standby_names|shared_memory_type|dynamic_shared_memory_type|` +
	`syslog_.*|event_source|bonjour.*|external_pid_file|dynamic_library_path|local_preload_libraries|jit_provider|extension_destdir|` +
	`password_encryption|wal_(sender|receiver)_.*|wal_retrieve_retry_interval|restart_after_crash|data_sync_retry|krb_.*|update_process_title|db_user_namespace|` +
	`shared_preload_libraries|session_preload_libraries|default_table_access_method|superuser_reserved_connections|lc_.*|exit_on_error)$`)

// clusterOnly are parameters that only a cluster's group has:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Reference.ParameterGroups.html
var clusterOnly = []string{"rds.force_ssl", "rds.logical_replication", "timezone", "synchronous_commit", "ssl_min_protocol_version", "ssl_max_protocol_version"}

func loadParameters() map[string]parameter {
	known := map[string]parameter{
		"rds.force_ssl": {
			Name: "rds.force_ssl", Type: "bool", Default: "0", ClusterOnly: true, Description: "Force SSL connections.",
		},
		"rds.logical_replication": {
			Name: "rds.logical_replication", Type: "bool", Default: "0", Static: true, ClusterOnly: true, Description: "Enables logical decoding.",
		},
		"rds.log_retention_period": {
			Name: "rds.log_retention_period", Type: "integer", Min: "1440", Max: "10080", Default: "4320",
			Description: "Amazon RDS will delete PostgreSQL log that are older than N minutes. The lab keeps two files of 8 MiB.",
		},
	}
	for line := range strings.Lines(parameterTable) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		p := parameter{
			Name: strings.ToLower(f[0]), Static: f[1] == "static", Type: f[2], Min: f[4], Max: f[5], Default: f[7], Description: f[8],
			Fixed: f[1] == "fixed" || fixedParameters.MatchString(f[0]),
		}
		if f[6] != "" {
			p.Words = strings.Split(f[6], ",")
		}
		p.ClusterOnly = slices.Contains(clusterOnly, p.Name)
		known[p.Name] = p
	}
	return known
}

func (p parameter) allowed() string {
	switch {
	case p.Type == "bool":
		return "0,1"
	case len(p.Words) > 0:
		return strings.Join(p.Words, ",")
	case p.Min != "":
		return p.Min + "-" + p.Max
	}
	return ""
}

func (p parameter) dataType() string {
	switch p.Type {
	case "bool":
		return "boolean"
	case "real":
		return "float"
	case "enum":
		return "string"
	}
	return p.Type
}

func (p parameter) describe(value parameterValue, source string) types.Parameter {
	out := types.Parameter{
		ParameterName: aws.String(p.Name), ParameterValue: optional(value.Value), Description: aws.String(p.Description),
		Source: aws.String(source), ApplyType: aws.String("dynamic"), DataType: aws.String(p.dataType()),
		AllowedValues: optional(p.allowed()), IsModifiable: aws.Bool(!p.Fixed), ApplyMethod: value.Method,
		SupportedEngineModes: []string{"provisioned"},
	}
	if p.Static {
		out.ApplyType = aws.String("static")
	}
	if out.ApplyMethod == "" {
		out.ApplyMethod = types.ApplyMethodPendingReboot
	}
	return out
}

// formula is a value that depends on the instance's memory, such as {DBInstanceClassMemory/9531392}.
var formula = regexp.MustCompile(`^\{DBInstanceClassMemory([*/])(\d+)(?:/(\d+))?\}$`)

// check tells whether the value is one that the parameter takes.
func (p parameter) check(value string) error {
	bad := func() error {
		return cloud.Errorf("InvalidParameterValue", "Invalid parameter value: %s for: %s allowed values are: %s", value, p.Name, p.allowed())
	}
	switch {
	case strings.HasPrefix(value, "{"):
		if formula.MatchString(value) && (p.Type == "integer" || p.Type == "real") {
			return nil
		}
		return cloud.Unsupportedf("InvalidParameterValue", "the formula %s", value)
	case p.Type == "bool" && !slices.Contains([]string{"0", "1", "on", "off", "true", "false"}, strings.ToLower(value)):
		return bad()
	case p.Type == "enum" && !slices.Contains(p.Words, strings.ToLower(value)):
		return bad()
	case p.Type == "integer" || p.Type == "real":
		number, err := strconv.ParseFloat(value, 64)
		low, lowErr := strconv.ParseFloat(p.Min, 64)
		high, highErr := strconv.ParseFloat(p.Max, 64)
		if err != nil || lowErr == nil && number < low || highErr == nil && number > high {
			return bad()
		}
		if p.Type == "integer" && number != float64(int64(number)) {
			return bad()
		}
	case strings.ContainsAny(value, "\n\r\x00"):
		return bad()
	}
	return nil
}

// evaluate returns the value for a server: formulas are computed from the class's memory.
func (p parameter) evaluate(value string, memoryMiB int64) string {
	parts := formula.FindStringSubmatch(value)
	if parts == nil {
		return value
	}
	memory := float64(memoryMiB) * 1024 * 1024
	first, _ := strconv.ParseFloat(parts[2], 64)
	if parts[1] == "*" {
		memory *= first
	} else {
		memory /= first
	}
	if second, err := strconv.ParseFloat(parts[3], 64); err == nil {
		memory /= second
	}
	low, lowErr := strconv.ParseFloat(p.Min, 64)
	high, highErr := strconv.ParseFloat(p.Max, 64)
	if lowErr == nil {
		memory = max(memory, low)
	}
	if highErr == nil {
		memory = min(memory, high)
	}
	return fmt.Sprint(int64(memory))
}

// settings merges the user's values of a cluster's and an instance's group, which wins, for the server, and names those
// whose change waits for a restart because their apply method says so.
func settings(cluster, instance *parameterGroupRow, memoryMiB int64) (merged map[string]string, deferred []string) {
	merged = map[string]string{}
	waits := map[string]bool{}
	for _, group := range []*parameterGroupRow{cluster, instance} {
		if group == nil {
			continue
		}
		for name, value := range group.Values {
			p := knownParameters[name]
			merged[name] = p.evaluate(value.Value, memoryMiB)
			if p.Type == "bool" && strings.HasPrefix(name, "rds.") {
				merged[name] = map[bool]string{true: "1", false: "0"}[slices.Contains([]string{"1", "on", "true"}, strings.ToLower(value.Value))]
			}
			// The server itself keeps a static one until its restart, and says so.
			waits[name] = !p.Static && value.Method == types.ApplyMethodPendingReboot
		}
	}
	for name := range waits {
		if waits[name] {
			deferred = append(deferred, name)
		}
	}
	slices.Sort(deferred)
	return merged, deferred
}
