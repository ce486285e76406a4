package elasticloadbalancingv2

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	"haven/lab/cloud"
)

// attribute is one key of a resource: its default and what its value may be.
type attribute struct {
	Default string
	Allowed func(value string) bool
	// Lab names the only value that the lab can honour, when AWS allows more; the others are refused.
	Lab func(value string) bool
}

type attributes map[string]attribute

var anyText = func(string) bool { return true }

func oneOf(values ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

func between(low, high int) func(string) bool {
	return func(value string) bool {
		number, err := strconv.Atoi(value)
		return err == nil && low <= number && number <= high
	}
}

func either(first, second func(string) bool) func(string) bool {
	return func(value string) bool { return first(value) || second(value) }
}

var flag = oneOf("true", "false")

// balancerAttributes are those of an application load balancer
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html).
var balancerAttributes = attributes{
	"access_logs.s3.enabled":                                   {Default: "false", Allowed: flag},
	"access_logs.s3.bucket":                                    {Allowed: anyText},
	"access_logs.s3.prefix":                                    {Allowed: anyText},
	"connection_logs.s3.enabled":                               {Default: "false", Allowed: flag},
	"connection_logs.s3.bucket":                                {Allowed: anyText},
	"connection_logs.s3.prefix":                                {Allowed: anyText},
	"health_check_logs.s3.enabled":                             {Default: "false", Allowed: flag, Lab: oneOf("false")},
	"health_check_logs.s3.bucket":                              {Allowed: anyText},
	"health_check_logs.s3.prefix":                              {Allowed: anyText},
	"client_keep_alive.seconds":                                {Default: "3600", Allowed: between(60, 604800)},
	"deletion_protection.enabled":                              {Default: "false", Allowed: flag},
	"idle_timeout.timeout_seconds":                             {Default: "60", Allowed: between(1, 4000)},
	"ipv6.deny_all_igw_traffic":                                {Default: "false", Allowed: flag},
	"load_balancing.cross_zone.enabled":                        {Default: "true", Allowed: oneOf("true")},
	"routing.http.desync_mitigation_mode":                      {Default: "defensive", Allowed: oneOf("monitor", "defensive", "strictest")},
	"routing.http.drop_invalid_header_fields.enabled":          {Default: "false", Allowed: flag},
	"routing.http.preserve_host_header.enabled":                {Default: "false", Allowed: flag},
	"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": {Default: "false", Allowed: flag},
	"routing.http.xff_client_port.enabled":                     {Default: "false", Allowed: flag},
	"routing.http.xff_header_processing.mode":                  {Default: "append", Allowed: oneOf("append", "preserve", "remove")},
	"routing.http2.enabled":                                    {Default: "true", Allowed: flag},
	"waf.fail_open.enabled":                                    {Default: "false", Allowed: flag},
	"zonal_shift.config.enabled":                               {Default: "false", Allowed: flag},
}

// groupAttributes are those of a target group of an application load balancer
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html).
var groupAttributes = attributes{
	"deregistration_delay.timeout_seconds":                                           {Default: "300", Allowed: between(0, 3600)},
	"load_balancing.algorithm.anomaly_mitigation":                                    {Default: "off", Allowed: oneOf("on", "off"), Lab: oneOf("off")},
	"load_balancing.algorithm.type":                                                  {Default: "round_robin", Allowed: oneOf("round_robin", "least_outstanding_requests", "weighted_random")},
	"load_balancing.cross_zone.enabled":                                              {Default: "use_load_balancer_configuration", Allowed: oneOf("true", "false", "use_load_balancer_configuration")},
	"slow_start.duration_seconds":                                                    {Default: "0", Allowed: either(oneOf("0"), between(30, 900))},
	"stickiness.app_cookie.cookie_name":                                              {Allowed: either(oneOf(""), regexp.MustCompile(`^[A-Za-z0-9._-]{1,255}$`).MatchString)},
	"stickiness.app_cookie.duration_seconds":                                         {Default: "86400", Allowed: between(1, 604800)},
	"stickiness.enabled":                                                             {Default: "false", Allowed: flag},
	"stickiness.lb_cookie.duration_seconds":                                          {Default: "86400", Allowed: between(1, 604800)},
	"stickiness.type":                                                                {Default: "lb_cookie", Allowed: oneOf("lb_cookie", "app_cookie")},
	"target_group_health.dns_failover.minimum_healthy_targets.count":                 {Default: "1", Allowed: either(oneOf("off"), between(1, 1000))},
	"target_group_health.dns_failover.minimum_healthy_targets.percentage":            {Default: "off", Allowed: either(oneOf("off"), between(1, 100))},
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count":      {Default: "1", Allowed: between(1, 1000)},
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": {Default: "off", Allowed: either(oneOf("off"), between(1, 100))},
}

// responseHeaders are the listener attributes that set a header on every response
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html).
var responseHeaders = map[string]string{
	"routing.http.response.access_control_allow_credentials.header_value": "Access-Control-Allow-Credentials",
	"routing.http.response.access_control_allow_headers.header_value":     "Access-Control-Allow-Headers",
	"routing.http.response.access_control_allow_methods.header_value":     "Access-Control-Allow-Methods",
	"routing.http.response.access_control_allow_origin.header_value":      "Access-Control-Allow-Origin",
	"routing.http.response.access_control_expose_headers.header_value":    "Access-Control-Expose-Headers",
	"routing.http.response.access_control_max_age.header_value":           "Access-Control-Max-Age",
	"routing.http.response.content_security_policy.header_value":          "Content-Security-Policy",
	"routing.http.response.strict_transport_security.header_value":        "Strict-Transport-Security",
	"routing.http.response.x_content_type_options.header_value":           "X-Content-Type-Options",
	"routing.http.response.x_frame_options.header_value":                  "X-Frame-Options",
}

const serverHeader = "routing.http.response.server.enabled"

var printable = regexp.MustCompile(`^[\x20-\x7e]{0,1000}$`).MatchString

// listenerAttributes are those of an HTTP or HTTPS listener.
var listenerAttributes = func() attributes {
	all := attributes{serverHeader: {Default: "true", Allowed: flag}}
	for key := range responseHeaders {
		all[key] = attribute{Allowed: printable}
	}
	return all
}()

// set checks new values and merges them into what was set before.
func (a attributes) set(current map[string]string, key, value string) error {
	known, ok := a[key]
	switch {
	case !ok:
		return invalid("Attribute key '%s' is not recognized", key)
	case !known.Allowed(value):
		return cloud.Errorf(codeConfig, "The value '%s' is not valid for the attribute '%s'", value, key)
	case known.Lab != nil && !known.Lab(value):
		return unsupported("the value '%s' of the attribute '%s'", value, key)
	}
	current[key] = value
	return nil
}

// value returns what was set, or the default.
func (a attributes) value(current map[string]string, key string) string {
	if value, ok := current[key]; ok {
		return value
	}
	return a[key].Default
}

func (a attributes) number(current map[string]string, key string) int {
	number, err := strconv.Atoi(a.value(current, key))
	if err != nil {
		return 0 // "off"
	}
	return number
}

func (a attributes) flag(current map[string]string, key string) bool {
	return a.value(current, key) == "true"
}

// all returns every key with its value, in a stable order.
func (a attributes) all(current map[string]string, each func(key, value string)) {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		each(key, a.value(current, key))
	}
}
