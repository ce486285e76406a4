package stack

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"haven/drill/target"
	"haven/infra/outputs"
)

// keptSince is when the drill of these tests began.
var keptSince = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// cloud answers what evidence asks for: log groups of some pages, consoles, and a group of one server. The log group "gone" is not there.
func cloud(t *testing.T, pages int) *target.Environment {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "" {
			answerQuery(w, r)
			return
		}
		var in struct {
			LogGroupName, NextToken string
			StartTime               int64
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		if in.LogGroupName == "gone" || in.StartTime != keptSince.UnixMilli() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}`)
			return
		}
		page := len(in.NextToken)
		next := ""
		if page+1 < pages {
			next = fmt.Sprintf(`,"nextToken":"%s"`, strings.Repeat("x", page+1))
		}
		fmt.Fprintf(w, `{"events":[{"timestamp":%d,"logStreamName":"s","message":"page %d\n"}]%s}`, keptSince.UnixMilli()+1500, page, next)
	}))
	t.Cleanup(server.Close)
	return &target.Environment{
		Config:  aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
		Outputs: outputs.Outputs{Web: outputs.Web{GroupName: "web"}, LogGroups: map[string]string{"flow": "/flow"}},
	}
}

func answerQuery(w http.ResponseWriter, r *http.Request) {
	switch r.FormValue("Action") {
	case "DescribeAutoScalingGroups":
		_, _ = io.WriteString(w, `<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><Instances><member><InstanceId>i-0000000a</InstanceId></member></Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`)
	case "GetConsoleOutput":
		text := base64.StdEncoding.EncodeToString([]byte("booted " + r.FormValue("InstanceId")))
		fmt.Fprintf(w, `<GetConsoleOutputResponse><output>%s</output></GetConsoleOutputResponse>`, text)
	}
}

// project is a folder whose haven says that all is not well.
func project(t *testing.T) string {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".haven", "bin"), 0o700))
	script := "#!/bin/sh\necho \"{\\\"called\\\": \\\"$*\\\"}\"\nexit 3\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, ".haven", "bin", "haven"), []byte(script), 0o700))
	return root
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		raw, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		all[entry.Name()] = string(raw)
	}
	return all
}

func TestEvidenceIsKept(t *testing.T) {
	folder := t.TempDir()
	victims := []string{"i-0000000b and i-0000000c (kill)", "us-east-1a (zone-power)", "haven-lab-database-a"}
	require.NoError(t, Evidence(context.Background(), Options{Root: project(t), Stack: "production"}, cloud(t, 2), folder, keptSince, victims))
	require.Equal(t, map[string]string{
		"log-flow.txt":           "03:00:01.500 s page 0\n03:00:01.500 s page 1\n",
		"status.json":            "{\"called\": \"status --stack production --output json\"}\n",
		"console-i-0000000a.txt": "booted i-0000000a", "console-i-0000000b.txt": "booted i-0000000b", "console-i-0000000c.txt": "booted i-0000000c",
	}, contents(t, folder))
}

func TestALogThatHasNoEndIsCutOffAndSaysSo(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, Evidence(context.Background(), Options{Root: project(t), Stack: "production"}, cloud(t, 1000), folder, keptSince, nil))
	lines := strings.Split(strings.TrimSpace(contents(t, folder)["log-flow.txt"]), "\n")
	require.Len(t, lines, mostPages+1)
	require.Contains(t, lines[mostPages], "the rest is in log group /flow")
}

func TestWhatCannotBeKeptIsToldAndTheRestIsKept(t *testing.T) {
	folder := t.TempDir()
	e := cloud(t, 1)
	e.Outputs.LogGroups["alert"] = "gone"
	err := Evidence(context.Background(), Options{Root: t.TempDir(), Stack: "production"}, e, folder, keptSince, nil)
	require.ErrorContains(t, err, "keeping log-alert.txt")
	require.ErrorContains(t, err, "keeping status.json", "there is no haven")
	require.Contains(t, contents(t, folder)["log-flow.txt"], "page 0")
}
