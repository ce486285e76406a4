package route53

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

const (
	standardInterval  = 30 // seconds
	fastInterval      = 10
	standardThreshold = 3
	mostChildren      = 256
	leastRegions      = 3
	mostSearch        = 255 // characters
)

// probing are the types of health checks that send requests.
var probing = []types.HealthCheckType{
	types.HealthCheckTypeHttp, types.HealthCheckTypeHttps, types.HealthCheckTypeHttpStrMatch, types.HealthCheckTypeHttpsStrMatch, types.HealthCheckTypeTcp,
}

func isTLS(kind types.HealthCheckType) bool {
	return kind == types.HealthCheckTypeHttps || kind == types.HealthCheckTypeHttpsStrMatch
}

func matchesString(kind types.HealthCheckType) bool {
	return kind == types.HealthCheckTypeHttpStrMatch || kind == types.HealthCheckTypeHttpsStrMatch
}

func invalid(format string, args ...any) error {
	return cloud.Errorf("InvalidInput", "Invalid parameter: %s", fmt.Sprintf(format, args...))
}

// completed fills in the defaults of a configuration and refuses what Route 53 would
// (https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html).
func completed(config types.HealthCheckConfig) (types.HealthCheckConfig, error) {
	if config.Inverted == nil {
		config.Inverted = aws.Bool(false)
	}
	if config.Disabled == nil {
		config.Disabled = aws.Bool(false)
	}
	switch {
	case slices.Contains(probing, config.Type):
		return completedProbe(config)
	case config.Type == types.HealthCheckTypeCalculated:
		return config, checkCalculated(config)
	case config.Type == types.HealthCheckTypeCloudwatchMetric:
		if config.AlarmIdentifier == nil {
			return config, invalid("AlarmIdentifier is required for a health check of type %s", config.Type)
		}
		if config.InsufficientDataHealthStatus == "" {
			config.InsufficientDataHealthStatus = types.InsufficientDataHealthStatusLastKnownStatus
		}
		return config, nil
	}
	return config, cloud.Unsupportedf("InvalidInput", "health checks of type %s", config.Type)
}

func checkCalculated(config types.HealthCheckConfig) error {
	if len(config.ChildHealthChecks) > mostChildren {
		return invalid("at most %d ChildHealthChecks", mostChildren)
	}
	if config.HealthThreshold == nil {
		return invalid("HealthThreshold is required for a calculated health check")
	}
	return nil
}

func completedProbe(config types.HealthCheckConfig) (types.HealthCheckConfig, error) {
	if config.RequestInterval == nil {
		config.RequestInterval = aws.Int32(standardInterval)
	}
	if config.FailureThreshold == nil {
		config.FailureThreshold = aws.Int32(standardThreshold)
	}
	if config.MeasureLatency == nil {
		config.MeasureLatency = aws.Bool(false)
	}
	if config.EnableSNI == nil {
		config.EnableSNI = aws.Bool(isTLS(config.Type))
	}
	if config.Port == nil && config.Type != types.HealthCheckTypeTcp {
		config.Port = aws.Int32(80)
		if isTLS(config.Type) {
			config.Port = aws.Int32(443)
		}
	}
	return config, checkProbe(config)
}

func checkProbe(config types.HealthCheckConfig) error {
	interval, threshold, port := *config.RequestInterval, *config.FailureThreshold, aws.ToInt32(config.Port)
	search := aws.ToString(config.SearchString)
	switch {
	case interval != fastInterval && interval != standardInterval:
		return invalid("RequestInterval must be %d or %d, not %d", fastInterval, standardInterval, interval)
	case threshold < 1 || threshold > 10:
		return invalid("FailureThreshold must be from 1 to 10, not %d", threshold)
	case config.Port == nil:
		return invalid("Port is required for a health check of type TCP")
	case port < 1 || port > 65535:
		return invalid("Port must be from 1 to 65535, not %d", port)
	case config.IPAddress == nil && aws.ToString(config.FullyQualifiedDomainName) == "":
		return invalid("IPAddress or FullyQualifiedDomainName is required")
	case config.Type == types.HealthCheckTypeTcp && (config.ResourcePath != nil || search != ""):
		return invalid("a health check of type TCP has neither ResourcePath nor SearchString")
	case matchesString(config.Type) != (search != ""):
		return invalid("SearchString goes with the types HTTP_STR_MATCH and HTTPS_STR_MATCH, and only with them")
	case len(search) > mostSearch:
		return invalid("SearchString has at most %d characters", mostSearch)
	case len(config.Regions) > 0 && len(config.Regions) < leastRegions:
		return invalid("at least %d regions must be given", leastRegions)
	}
	if config.IPAddress == nil {
		return nil
	}
	address, err := netip.ParseAddr(*config.IPAddress)
	if err != nil || address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsMulticast() || address.IsUnspecified() {
		return invalid("IPAddress %q: expected a public address, since health checkers are outside of every VPC", *config.IPAddress)
	}
	if address.Is6() {
		return cloud.Unsupportedf("InvalidInput", "health checks of IPv6 addresses")
	}
	return nil
}

// standardRegions are where checkers are unless a health check says otherwise
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html#health-checks-creating-values-advanced).
var standardRegions = []types.HealthCheckRegion{
	types.HealthCheckRegionUsEast1, types.HealthCheckRegionUsWest1, types.HealthCheckRegionUsWest2, types.HealthCheckRegionEuWest1,
	types.HealthCheckRegionApSoutheast1, types.HealthCheckRegionApSoutheast2, types.HealthCheckRegionApNortheast1, types.HealthCheckRegionSaEast1,
}

func (c *check) regions() []types.HealthCheckRegion {
	if len(c.Config.Regions) > 0 {
		return c.Config.Regions
	}
	return standardRegions
}
