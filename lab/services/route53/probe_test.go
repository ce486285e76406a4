package route53

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/dns"
)

// prober is a service whose internet is this machine's loopback, where one name is known.
func prober() *Service {
	names := dns.NewTable(dns.Services{})
	names.Replace([]dns.Record{{Name: "web.example.com", Type: dns.TypeA, Values: []string{"127.0.0.1"}}})
	s := New(nil, slog.New(slog.DiscardHandler))
	s.Probe(&net.Dialer{}, names)
	return s
}

func TestWhatAProbeSees(t *testing.T) {
	var host, agent, name string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, agent = r.Host, r.UserAgent()
		if r.TLS != nil {
			name = r.TLS.ServerName
		}
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write([]byte(strings.Repeat("x", 5000) + "all is well"))
		case "/late":
			_, _ = w.Write([]byte(strings.Repeat("x", 5120) + "all is well"))
		case "/moved":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/slow":
			time.Sleep(answerWithin + 500*time.Millisecond)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	port := func(address string) *int32 {
		_, text, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://"))
		require.NoError(t, err)
		number, err := strconv.Atoi(text)
		require.NoError(t, err)
		return aws.Int32(int32(number))
	}
	s := prober()
	for what, c := range map[string]struct {
		kind                     types.HealthCheckType
		port                     *int32
		path, search, name, want string
	}{
		"http":                 {kind: types.HealthCheckTypeHttp, port: port(plain.URL), path: "/ok", want: "HTTP Status Code 200, OK"},
		"no slash":             {kind: types.HealthCheckTypeHttp, port: port(plain.URL), path: "ok", want: "HTTP Status Code 200, OK"},
		"a redirect is enough": {kind: types.HealthCheckTypeHttp, port: port(plain.URL), path: "/moved", want: "HTTP Status Code 302, Found"},
		"5xx":                  {kind: types.HealthCheckTypeHttp, port: port(plain.URL), path: "/broken", want: "!HTTP Status Code 503"},
		"slow":                 {kind: types.HealthCheckTypeHttp, port: port(plain.URL), path: "/slow", want: "!did not answer"},
		"https":                {kind: types.HealthCheckTypeHttps, port: port(secure.URL), path: "/ok", want: "HTTP Status Code 200, OK"},
		"https to http":        {kind: types.HealthCheckTypeHttps, port: port(plain.URL), path: "/ok", want: "!did not answer"},
		"string":               {kind: types.HealthCheckTypeHttpStrMatch, port: port(plain.URL), path: "/ok", search: "all is well", want: "Search string found"},
		"string too late":      {kind: types.HealthCheckTypeHttpsStrMatch, port: port(secure.URL), path: "/late", search: "all is well", want: "!did not contain"},
		"tcp":                  {kind: types.HealthCheckTypeTcp, port: port(plain.URL), want: "TCP connection"},
		"tcp, closed":          {kind: types.HealthCheckTypeTcp, port: port(closed.Addr().String()), want: "!refused"},
		"unknown name":         {kind: types.HealthCheckTypeTcp, port: port(plain.URL), name: "nobody.example.com", want: "!DNS resolution failed"},
	} {
		config := types.HealthCheckConfig{Type: c.kind, Port: c.port, FullyQualifiedDomainName: aws.String("web.example.com")}
		if c.name != "" {
			config.FullyQualifiedDomainName = &c.name
		}
		if c.path != "" {
			config.ResourcePath = &c.path
		}
		if c.search != "" {
			config.SearchString = &c.search
		}
		config, err := completed(config)
		require.NoError(t, err, what)
		report, err := s.probe(context.Background(), "id", config)
		if bad, failed := strings.CutPrefix(c.want, "!"); failed {
			require.ErrorContains(t, err, bad, what)
			continue
		}
		require.NoError(t, err, what)
		require.Contains(t, report, c.want, what)
	}
	_, err = s.probe(context.Background(), "id", types.HealthCheckConfig{Type: types.HealthCheckTypeHttps, Port: port(secure.URL), FullyQualifiedDomainName: aws.String("web.example.com"), EnableSNI: aws.Bool(true)})
	require.ErrorContains(t, err, "503")
	require.Equal(t, "web.example.com:"+strconv.Itoa(int(*port(secure.URL))), host)
	require.Equal(t, "web.example.com", name)
	require.Contains(t, agent, "Amazon-Route53-Health-Check-Service (ref id;")
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	base := func(change func(*types.HealthCheckConfig)) error {
		config := types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: aws.String("198.18.0.1")}
		change(&config)
		_, err := completed(config)
		return err
	}
	require.NoError(t, base(func(*types.HealthCheckConfig) {}))
	for want, change := range map[string]func(*types.HealthCheckConfig){
		"RequestInterval":      func(c *types.HealthCheckConfig) { c.RequestInterval = aws.Int32(20) },
		"FailureThreshold":     func(c *types.HealthCheckConfig) { c.FailureThreshold = aws.Int32(11) },
		"outside of every VPC": func(c *types.HealthCheckConfig) { c.IPAddress = aws.String("10.0.0.1") },
		"IPAddress or Fully":   func(c *types.HealthCheckConfig) { c.IPAddress = nil },
		"SearchString":         func(c *types.HealthCheckConfig) { c.SearchString = aws.String("x") },
		"Port is required":     func(c *types.HealthCheckConfig) { c.Type = types.HealthCheckTypeTcp },
		"AlarmIdentifier":      func(c *types.HealthCheckConfig) { c.Type = types.HealthCheckTypeCloudwatchMetric },
		"HealthThreshold":      func(c *types.HealthCheckConfig) { c.Type = types.HealthCheckTypeCalculated },
		"does not implement":   func(c *types.HealthCheckConfig) { c.Type = types.HealthCheckTypeRecoveryControl },
		"at least 3 regions":   func(c *types.HealthCheckConfig) { c.Regions = standardRegions[:2] },
		"neither ResourcePath ": func(c *types.HealthCheckConfig) {
			c.Type, c.Port, c.ResourcePath = types.HealthCheckTypeTcp, aws.Int32(80), aws.String("/")
		},
	} {
		if change != nil {
			require.ErrorContains(t, base(change), want)
		}
	}
}
