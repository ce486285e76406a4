package postgres

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Names of the roles that only the lab uses. AWS's own administrator of a database is rdsadmin, too.
const (
	adminRole       = "rdsadmin"
	replicationRole = "rdsrepladmin"
)

// settings returns the content of a member's postgresql.conf. What keeps the cluster together comes last, so that no
// parameter group can undo it.
func (m *member) settings(follow following) string {
	values := map[string]string{
		"shared_buffers":             "32MB",
		"max_connections":            "200",
		"wal_keep_size":              "64MB",
		"max_wal_size":               "256MB",
		"log_min_duration_statement": "-1",
		"password_encryption":        "scram-sha-256",
		"log_line_prefix":            "%t:%r:%u@%d:[%p]:", // as RDS sets it
		"log_timezone":               "UTC",
		"timezone":                   "UTC",
	}
	for name, value := range m.parameters() {
		if !strings.HasPrefix(name, "rds.") {
			values[name] = value
		}
	}
	m.mu.Lock()
	raise(values, m.floors)
	m.mu.Unlock()
	maps.Copy(values, m.fixed(follow))
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quoteSetting(values[name]))
	}
	return text.String()
}

// following is where a reader streams from and whom a writer waits for.
type following struct {
	upstream string   // connection string; empty: nobody
	slot     string   // empty: none
	readers  []string // synchronous_standby_names; meaningless in a reader
}

func (m *member) fixed(follow following) map[string]string {
	level := "replica"
	if m.parameters()["rds.logical_replication"] == "1" {
		level = "logical"
	}
	archive := m.cluster.archive()
	values := map[string]string{
		"data_directory":           m.data(),
		"hba_file":                 filepath.Join(m.conf(), "pg_hba.conf"),
		"ident_file":               filepath.Join(m.conf(), "pg_ident.conf"),
		"listen_addresses":         "*", // of its own namespace
		"port":                     fmt.Sprint(m.cluster.spec().Port),
		"unix_socket_directories":  m.sockets(),
		"unix_socket_permissions":  "0700",
		"cluster_name":             m.spec().Name,
		"logging_collector":        "off", // the manager keeps the log
		"log_destination":          "stderr",
		"ssl":                      "on",
		"ssl_cert_file":            filepath.Join(m.conf(), "server.crt"),
		"ssl_key_file":             filepath.Join(m.conf(), "server.key"),
		"ssl_min_protocol_version": "TLSv1.2",
		"wal_level":                level,
		"wal_log_hints":            "on", // pg_rewind needs it
		"full_page_writes":         "on",
		"fsync":                    "on",
		"max_wal_senders":          "30",
		// However many clients hold connections, the manager's own get in.
		"superuser_reserved_connections": "5",
		"max_replication_slots":          "30",
		"max_slot_wal_keep_size":         "1GB", // a reader that is away for longer is copied anew
		"hot_standby":                    "on",
		"hot_standby_feedback":           "on",
		"archive_mode":                   "on",
		"archive_timeout":                "300",
		"archive_command":                archiveCommand(archive),
		"restore_command":                fmt.Sprintf(`test -e "%[1]s/%%f.gz" && gzip -dc "%[1]s/%%f.gz" > "%%p"`, archive),
		"recovery_target_timeline":       "latest",
		"primary_conninfo":               follow.upstream,
		"primary_slot_name":              follow.slot,
		"synchronous_standby_names":      syncNames(follow.readers),
		// A silent peer is noticed in seconds, and asked for again at once.
		"wal_sender_timeout":           "5s",
		"wal_receiver_timeout":         "5s",
		"wal_receiver_status_interval": "1s",
		"wal_retrieve_retry_interval":  "200ms",
	}
	if _, set := m.parameters()["synchronous_commit"]; !set {
		values["synchronous_commit"] = "on"
	}
	return values
}

// archiveCommand keeps a segment whole or not at all, compressed since most of one that was closed early is empty, and
// is content when it is there already.
func archiveCommand(archive string) string {
	return fmt.Sprintf(`f="%s/%%f.gz"; gzip -dc "$f" 2>/dev/null | cmp -s - "%%p" || { gzip -1 -c "%%p" > "$f.part" && sync "$f.part" && mv "$f.part" "$f"; }`, archive)
}

// hba returns pg_hba.conf: the lab's own roles by their operating-system user over the socket and never over the
// network, where everybody else gives a password, over TLS if it is forced.
func (m *member) hba() string {
	lines := []string{
		"local all " + adminRole + " peer map=lab",
		"local replication " + replicationRole + " peer map=lab",
		"local all all reject",
		"host all " + adminRole + " all reject",
		"host all " + replicationRole + " all reject",
		"host replication all all reject",
		"hostssl all all all scram-sha-256",
	}
	if m.parameters()["rds.force_ssl"] != "1" {
		lines = append(lines, "hostnossl all all all scram-sha-256")
	}
	return strings.Join(lines, "\n") + "\n"
}

// ident maps the lab's users to their roles: root asks and commands, the servers' user replicates and rewinds.
func ident() string {
	return strings.Join([]string{
		"lab root " + adminRole,
		"lab postgres " + adminRole,
		"lab postgres " + replicationRole,
	}, "\n") + "\n"
}

func quoteSetting(value string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), "'", "''") + "'"
}

// conninfo returns how a member reaches another one's server.
func conninfo(of *member, role, application string) string {
	return fmt.Sprintf("host=%s port=%d user=%s application_name=%s", of.sockets(), of.cluster.spec().Port, role, application)
}

// syncNames returns the value of synchronous_standby_names for readers: any one of them.
func syncNames(readers []string) string {
	if len(readers) == 0 {
		return ""
	}
	quoted := make([]string, len(readers))
	for i, id := range readers {
		quoted[i] = `"` + id + `"`
	}
	return "ANY 1 (" + strings.Join(quoted, ", ") + ")"
}

// parseSyncNames is the inverse of syncNames.
func parseSyncNames(value string) []string {
	_, list, ok := strings.Cut(value, "(")
	if !ok {
		return nil
	}
	var readers []string
	for _, name := range strings.Split(strings.TrimSuffix(list, ")"), ",") {
		readers = append(readers, strings.Trim(strings.TrimSpace(name), `"`))
	}
	return readers
}

// slotName returns the name of a reader's replication slot: lower case letters, digits and underscores only.
func slotName(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(id))
}
