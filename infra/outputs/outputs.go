// Package outputs is what a stack tells the world about itself, typed.
//
// It is the twin of what the program exports: tests, drills and `haven status`
// decode `pulumi stack output --json` into it and never touch untyped maps. A
// test of the program keeps both sides equal.
package outputs

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Outputs are all outputs of a stack.
type Outputs struct {
	Region  string `json:"region"`  // the Region of everything below
	URL     string `json:"url"`     // where clients go
	Version string `json:"version"` // of the application

	Network      Network      `json:"network"`
	Firewall     Firewall     `json:"firewall"`
	LoadBalancer LoadBalancer `json:"loadBalancer"`
	Web          Web          `json:"web"`
	Database     Database     `json:"database"`
	Storage      Storage      `json:"storage"`

	Monitoring Monitoring `json:"monitoring"`

	LogGroups map[string]string `json:"logGroups"` // names by role: flow, firewallAlert, firewallFlow, webFilter, database
	Keys      map[string]string `json:"keys"`      // key ARNs by purpose: database, storage, logs, compute, alerts
	Drills    map[string]string `json:"drills"`    // experiment template ids by name: stop-server, disrupt-zone-a …; none where drills are off
}

// Network is the VPC.
type Network struct {
	VPCID        string `json:"vpcId"`
	HostedZoneID string `json:"hostedZoneId"`
	Zones        []Zone `json:"zones"` // sorted by letter
}

// Zone is one availability zone and what is in it.
type Zone struct {
	Letter           string            `json:"letter"`
	Name             string            `json:"name"`
	Subnets          map[string]string `json:"subnets"`          // ids by tier: edge, public, app, data, mirror
	NATAddress       string            `json:"natAddress"`       // public address of what leaves this zone
	FirewallEndpoint string            `json:"firewallEndpoint"` // VPC endpoint id
}

// Firewall is the network firewall and the web filter.
type Firewall struct {
	Name   string `json:"name"`
	ARN    string `json:"arn"`
	WebACL string `json:"webAcl"` // ARN

	DeletionProtection bool `json:"deletionProtection"` // as declared
}

// LoadBalancer is the way in.
type LoadBalancer struct {
	ARN              string `json:"arn"`
	DNSName          string `json:"dnsName"`
	TargetGroup      string `json:"targetGroup"` // ARN
	DetectionSeconds int    `json:"detectionSeconds"`
	DrainSeconds     int    `json:"drainSeconds"`

	DeletionProtection bool `json:"deletionProtection"` // as declared
}

// Web is the fleet of servers.
type Web struct {
	GroupName    string `json:"groupName"` // Auto Scaling group
	Role         string `json:"role"`
	Min          int    `json:"min"`
	Max          int    `json:"max"`
	PerZone      int    `json:"perZone"`
	StatedLoad   int    `json:"statedLoad"` // requests a second with one zone gone
	GraceSeconds int    `json:"graceSeconds"`
}

// Database is the cluster.
type Database struct {
	ClusterID  string            `json:"clusterId"`
	ClusterARN string            `json:"clusterArn"`
	Writer     string            `json:"writer"` // host name
	Reader     string            `json:"reader"` // host name
	Port       int               `json:"port"`
	Name       string            `json:"name"`
	SecretARN  string            `json:"secretArn"`
	Members    map[string]string `json:"members"` // instance identifiers by zone letter

	DeletionProtection bool `json:"deletionProtection"` // as declared
}

// Storage is where files are.
type Storage struct {
	FileSystemID  string            `json:"fileSystemId"`
	AccessPointID string            `json:"accessPointId"`
	Buckets       map[string]string `json:"buckets"` // names by role: artifacts, data, logs
}

// Monitoring is who is told of what.
type Monitoring struct {
	Topic    string            `json:"topic"`    // ARN
	Stewards []string          `json:"stewards"` // e-mail addresses
	Alarms   map[string]string `json:"alarms"`   // names by role: servers, errors, replicas, processors, hardware
}

// Parse decodes what `pulumi stack output --json` prints. An output that this
// package does not know is an error: the two sides have come apart.
func Parse(raw []byte) (Outputs, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var parsed Outputs
	if err := decoder.Decode(&parsed); err != nil {
		return Outputs{}, fmt.Errorf("decoding the stack's outputs: %w", err)
	}
	return parsed, nil
}
