package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"haven/drill/budget"
	"haven/drill/target"
	"haven/drill/workload"
	"haven/infra/outputs"
)

// world is an environment in memory: the site with its ledger and files, AWS's API as far as a drill looks at it, a breaker and a program.
type world struct {
	*target.Environment
	journal   *target.Journal
	unhealthy atomic.Bool  // the server is
	forgets   atomic.Bool  // acknowledged entries are not kept
	drifts    atomic.Bool  // the plan has changes
	failing   atomic.Int32 // status that every request gets; 0: none

	mu      sync.Mutex
	ledgers map[string][]map[string]any
	files   map[string]string
	broken  []string // breakages in force
	healed  []string
}

func newWorld(t testing.TB) *world {
	w := &world{journal: target.NewJournal(nil), ledgers: map[string][]map[string]any{}, files: map[string]string{}}
	site, api := httptest.NewServer(http.HandlerFunc(w.site)), httptest.NewServer(http.HandlerFunc(w.api))
	t.Cleanup(site.Close)
	t.Cleanup(api.Close)
	second := time.Second
	w.Environment = &target.Environment{
		Config:  w.journal.Journaled(aws.Config{Region: "us-east-1", BaseEndpoint: &api.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}),
		Nodes:   []workload.Node{{Zone: "us-east-1a", Address: strings.TrimPrefix(site.URL, "http://")}},
		Breaker: w, Program: w,
		Declared: budget.Declared{
			Health: budget.Health{Interval: second, Timeout: second / 2, Unhealthy: 2}, Names: budget.Names{Balancer: second, Database: second, NodeCheck: second},
			Database:   budget.Database{Promotion: second, Detection: second, Restart: second, ConnectTimeout: second, StatementLimit: second, RetryPause: second},
			FilesGrace: second,
		},
	}
	w.Outputs = outputs.Outputs{URL: "http://site.test", Web: outputs.Web{GroupName: "web"}, Database: outputs.Database{ClusterID: "c", Members: map[string]string{"a": "m"}}}
	w.Outputs.Network.Zones = []outputs.Zone{{Letter: "a", Name: "us-east-1a"}}
	w.Outputs.Storage.FileSystemID, w.Outputs.Firewall.Name, w.Outputs.LoadBalancer.TargetGroup = "fs-1", "fw", "tg"
	return w
}

// Break, Heal and InForce are the breaker's.
func (w *world) Break(context.Context, target.Breakage) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, fmt.Sprintf("fault-%d", len(w.broken)+1))
	return w.broken[len(w.broken)-1], nil
}

func (w *world) Heal(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = slices.DeleteFunc(w.broken, func(one string) bool { return one == id })
	w.healed = append(w.healed, id)
	return nil
}

func (w *world) InForce(context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.broken), nil
}

func (w *world) ExpectNoChanges(context.Context, bool) error {
	if w.drifts.Load() {
		return fmt.Errorf("%w: 1 to update", target.ErrChanges)
	}
	return nil
}

func (w *world) Up(context.Context, map[string]string) error { return nil }

func (w *world) site(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out.Header().Set("X-Haven-Instance", "i-1")
	if status := w.failing.Load(); status != 0 {
		out.WriteHeader(int(status))
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/ledger"):
		w.ledger(out, r)
	case strings.Contains(r.URL.Path, "/files/") && r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		w.files[r.URL.Path] = string(body)
		out.WriteHeader(http.StatusCreated)
	case strings.Contains(r.URL.Path, "/files/"):
		_, _ = io.WriteString(out, w.files[r.URL.Path])
	}
}

func (w *world) ledger(out http.ResponseWriter, r *http.Request) {
	kept := w.ledgers[r.URL.Path]
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		entry := map[string]any{"sequence": len(kept) + 1, "body": json.RawMessage(body)}
		if !w.forgets.Load() {
			w.ledgers[r.URL.Path] = append(kept, entry)
		}
		out.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(out).Encode(entry)
		return
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	page := kept[min(after, len(kept)):]
	_ = json.NewEncoder(out).Encode(map[string]any{"entries": page, "next": len(kept)})
}

// answers are what AWS's API says, by action: an environment of one server, one database member and one mount target.
var answers = map[string]string{
	"DescribeAutoScalingGroups": `<AutoScalingGroups><member><AutoScalingGroupName>web</AutoScalingGroupName><DesiredCapacity>1</DesiredCapacity><AvailabilityZones><member>us-east-1a</member></AvailabilityZones>
		<Instances><member><InstanceId>i-1</InstanceId><AvailabilityZone>us-east-1a</AvailabilityZone><LifecycleState>InService</LifecycleState></member></Instances></member></AutoScalingGroups>`,
	"DescribeTargetHealth": `<TargetHealthDescriptions><member><Target><Id>i-1</Id></Target><TargetHealth><State>healthy</State></TargetHealth></member></TargetHealthDescriptions>`,
	"DescribeDBClusters":   `<DBClusters><DBCluster><Status>available</Status></DBCluster></DBClusters>`,
	"DescribeDBInstances":  `<DBInstances><DBInstance><DBInstanceIdentifier>m</DBInstanceIdentifier><DBInstanceStatus>available</DBInstanceStatus></DBInstance></DBInstances>`,
}

func (w *world) api(out http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "mount-targets") {
		_, _ = io.WriteString(out, `{"MountTargets":[{"MountTargetId":"m","FileSystemId":"fs-1","SubnetId":"s","LifeCycleState":"available"}]}`)
		return
	}
	if r.Header.Get("X-Amz-Target") != "" {
		_, _ = io.WriteString(out, `{"FirewallStatus":{"SyncStates":{"us-east-1a":{"Attachment":{"Status":"READY"}}}}}`)
		return
	}
	action := r.FormValue("Action")
	answer, known := answers[action]
	if !known {
		out.WriteHeader(http.StatusNotImplemented)
		return
	}
	if w.unhealthy.Load() {
		answer = strings.ReplaceAll(answer, ">healthy<", ">unhealthy<")
	}
	fmt.Fprintf(out, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, answer)
}
