package imds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	client "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/machine/imds"
)

func facts() imds.Facts {
	return imds.Facts{
		Enabled: true, TokensRequired: true, InstanceTags: true,
		AccountID: "000000000000", Region: "us-east-1", Zone: "us-east-1a", ZoneID: "use1-az1",
		InstanceID: "i-0123456789abcdef0", InstanceType: "t3.small", ImageID: "ami-1", Hostname: "ip-10-0-0-5.ec2.internal",
		LaunchedAt: time.Unix(1_700_000_000, 0), UserData: []byte("#!/bin/sh\n"), Tags: map[string]string{"Name": "web", "aws:x": "hidden"},
		InterfaceID: "eni-1", MAC: "02:00:00:00:00:01", Address: netip.MustParseAddr("10.0.0.5"), SubnetID: "subnet-1", VPCID: "vpc-1",
		SubnetCIDR: netip.MustParsePrefix("10.0.0.0/24"), VPCCIDR: netip.MustParsePrefix("10.0.0.0/16"),
		SecurityGroups: []string{"web"}, SecurityGroupIDs: []string{"sg-1"},
		ProfileARN: "arn:aws:iam::000000000000:instance-profile/web", RoleName: "web-role",
	}
}

func start(t *testing.T, change func(*imds.Facts)) (*httptest.Server, *int) {
	t.Helper()
	f := facts()
	if change != nil {
		change(&f)
	}
	fetched := 0
	s := httptest.NewServer(imds.New(func() imds.Facts { return f }, func(context.Context) (imds.Credentials, error) {
		fetched++
		if f.ProfileARN == "broken" {
			return imds.Credentials{}, errors.New("no trust")
		}
		return imds.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "secret", SessionToken: "token", Expires: time.Now().Add(time.Hour)}, nil
	}))
	t.Cleanup(s.Close)
	return s, &fetched
}

func ask(t *testing.T, method, url string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func token(t *testing.T, s *httptest.Server, seconds string) string {
	t.Helper()
	status, text := ask(t, "PUT", s.URL+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", seconds)
	require.Equal(t, 200, status)
	return text
}

func TestTheSDKReadsEverything(t *testing.T) {
	s, fetched := start(t, nil)
	c := client.New(client.Options{Endpoint: s.URL, EnableFallback: 1})
	region, err := c.GetRegion(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "us-east-1", region.Region)
	document, err := c.GetInstanceIdentityDocument(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "i-0123456789abcdef0", document.InstanceID)
	require.Equal(t, "000000000000", document.AccountID)
	info, err := c.GetIAMInfo(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, facts().ProfileARN, info.InstanceProfileArn)
	data, err := c.GetUserData(t.Context(), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(data.Content)
	require.NoError(t, err)
	require.Equal(t, "#!/bin/sh\n", string(text))
	for range 2 {
		role, err := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = c }).Retrieve(t.Context())
		require.NoError(t, err)
		require.Equal(t, "ASIA1", role.AccessKeyID)
		require.True(t, role.CanExpire)
	}
	require.Equal(t, 1, *fetched, "credentials are kept while they are fresh")
}

func TestTheTree(t *testing.T) {
	s, _ := start(t, nil)
	good := token(t, s, "60")
	for path, want := range map[string]string{
		"/latest/meta-data/instance-id":                                      "i-0123456789abcdef0",
		"/2021-07-15/meta-data/placement/availability-zone":                  "us-east-1a",
		"/latest/meta-data/placement/":                                       "availability-zone\navailability-zone-id\nregion",
		"/latest/meta-data/placement":                                        "availability-zone\navailability-zone-id\nregion",
		"/latest/meta-data/tags/instance":                                    "Name",
		"/latest/meta-data/tags/instance/Name":                               "web",
		"/latest/meta-data/iam/security-credentials/":                        "web-role",
		"/latest/meta-data/network/interfaces/macs/":                         "02:00:00:00:00:01/",
		"/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/vpc-id": "vpc-1",
		"/latest/":        "dynamic/\nmeta-data/\nuser-data",
		"/latest/dynamic": "instance-identity/",
	} {
		status, text := ask(t, "GET", s.URL+path, "X-aws-ec2-metadata-token", good)
		require.Equal(t, 200, status, path)
		require.Equal(t, want, text, path)
	}
	for _, path := range []string{"/latest/meta-data/spot/instance-action", "/latest/meta-data/nothing", "/2000-01-01/meta-data/", "/latest/meta-data/public-ipv4",
		"/latest/meta-data/iam/security-credentials/other", "/latest/meta-data/inst", "/latest/meta-data/tags/instance/aws:x"} {
		status, _ := ask(t, "GET", s.URL+path, "X-aws-ec2-metadata-token", good)
		require.Equal(t, 404, status, path)
	}
}

func TestTokens(t *testing.T) {
	s, _ := start(t, nil)
	good := token(t, s, "21600")
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"none":             {"GET", "/latest/meta-data/", nil, 401},
		"forged":           {"GET", "/latest/meta-data/", []string{"X-aws-ec2-metadata-token", strings.Repeat("A", len(good))}, 401},
		"changed":          {"GET", "/latest/meta-data/", []string{"X-aws-ec2-metadata-token", "B" + good[1:]}, 401},
		"good":             {"GET", "/latest/meta-data/", []string{"X-aws-ec2-metadata-token", good}, 200},
		"no time":          {"PUT", "/latest/api/token", nil, 400},
		"too long":         {"PUT", "/latest/api/token", []string{"X-aws-ec2-metadata-token-ttl-seconds", "21601"}, 400},
		"through a proxy":  {"PUT", "/latest/api/token", []string{"X-aws-ec2-metadata-token-ttl-seconds", "60", "X-Forwarded-For", "1.2.3.4"}, 403},
		"another method":   {"POST", "/latest/meta-data/", nil, 405},
		"another resource": {"PUT", "/latest/meta-data/", nil, 404},
	} {
		status, _ := ask(t, c.method, s.URL+c.path, c.headers...)
		require.Equal(t, c.status, status, name)
	}
	short := token(t, s, "1")
	require.Eventually(t, func() bool {
		status, _ := ask(t, "GET", s.URL+"/latest/meta-data/", "X-aws-ec2-metadata-token", short)
		return status == 401
	}, 5*time.Second, 50*time.Millisecond, "a token ends")
}

func TestOptions(t *testing.T) {
	s, _ := start(t, func(f *imds.Facts) { f.TokensRequired = false })
	status, _ := ask(t, "GET", s.URL+"/latest/meta-data/instance-id")
	require.Equal(t, 200, status, "version 1 where it is allowed")
	s, _ = start(t, func(f *imds.Facts) { f.Enabled = false })
	status, _ = ask(t, "PUT", s.URL+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	require.Equal(t, 403, status)
	s, _ = start(t, func(f *imds.Facts) { f.ProfileARN, f.RoleName, f.InstanceTags, f.UserData = "", "", false, nil })
	good := token(t, s, "60")
	for _, path := range []string{"iam/info", "iam/", "tags/", "../user-data"} {
		status, _ = ask(t, "GET", s.URL+"/latest/meta-data/"+path, "X-aws-ec2-metadata-token", good)
		require.Equal(t, 404, status, path)
	}
	s, _ = start(t, func(f *imds.Facts) { f.ProfileARN = "broken" })
	_, text := ask(t, "GET", s.URL+"/latest/meta-data/iam/security-credentials/web-role", "X-aws-ec2-metadata-token", token(t, s, "60"))
	require.Contains(t, text, "no trust")
	require.NotContains(t, text, "Success")
}

// Credentials rotate in the middle of a short life, and at once when the instance gets another role.
func TestCredentialsRotate(t *testing.T) {
	var mu sync.Mutex
	f, issued := facts(), 0
	service := imds.New(func() imds.Facts {
		mu.Lock()
		defer mu.Unlock()
		return f
	}, func(context.Context) (imds.Credentials, error) {
		issued++
		return imds.Credentials{AccessKeyID: fmt.Sprint("ASIA", issued), Expires: time.Now().Add(2 * time.Second)}, nil
	})
	s := httptest.NewServer(service)
	t.Cleanup(s.Close)
	key := token(t, s, "60")
	of := func(role string) string {
		status, text := ask(t, "GET", s.URL+"/latest/meta-data/iam/security-credentials/"+role, "X-aws-ec2-metadata-token", key)
		require.Equal(t, 200, status)
		return text
	}
	require.Contains(t, of("web-role"), "ASIA1\"")
	require.Contains(t, of("web-role"), "ASIA1\"", "they are good for a while")
	require.Eventually(t, func() bool { return !strings.Contains(of("web-role"), "ASIA1\"") }, 20*time.Second, 50*time.Millisecond)
	mu.Lock()
	f.RoleName = "other-role"
	before := issued
	mu.Unlock()
	of("other-role")
	require.Greater(t, issued, before, "another role's are not those of the first")
}
