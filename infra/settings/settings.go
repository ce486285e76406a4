// Package settings reads a stack's configuration once, into one typed value.
//
// Every key is declared in one table (keys.go), from which Pulumi.yaml and
// docs/settings.md are written. A value that does not parse, a key that nobody
// knows and a required key that is missing are errors, never defaults; the error
// names every one of them, with what was expected.
package settings

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"haven/components/webtier"
	"haven/components/zones"
)

// Namespace is the configuration namespace of the program.
const Namespace = "haven"

// Settings is everything that may differ between stacks.
type Settings struct {
	// Where.
	Region      string
	Account     string
	Endpoint    string // URL of the lab; empty for AWS itself
	ZoneCount   int
	ZoneLetters []string

	// Network.
	VPCCIDR            string
	InterfaceEndpoints []string
	ClientCIDRs        []string
	EgressDomains      []string

	// Site.
	Domain               string
	Site                 string
	HostedZone           string
	CertificateFile      string
	CertificateKeyFile   string
	CertificateChainFile string
	RateLimit            int
	HealthInterval       int // seconds
	HealthTimeout        int // seconds
	HealthThreshold      int // checks in a row
	DrainSeconds         int

	// Servers.
	AppArtifact     string
	WebImage        string
	WebInstanceType string
	StatedLoad      int // requests a second
	PeakLoad        int // requests a second
	ServerLoad      int // requests a second
	ScaleOutPercent int
	GraceSeconds    int
	WarmupSeconds   int
	// Per cent of the fleet, while servers are replaced.
	MinHealthyPercentage int
	MaxHealthyPercentage int

	// Database.
	DatabaseCAFile        string
	DatabaseEngineVersion string
	DatabaseInstanceClass string
	DatabaseName          string
	DatabaseBackupDays    int
	DatabaseBackupWindow  string
	DatabaseInsights      bool
	MaintenanceWindow     string

	// Keeping.
	LogRetentionDays int
	KeyDeletionDays  int
	Stewards         []string // e-mail addresses
	Tags             map[string]string

	// Protection: on unless a stack turns it off by name.
	ProtectData                    bool
	DatabaseDeletionProtection     bool
	DatabaseFinalSnapshot          bool
	LoadBalancerDeletionProtection bool
	FirewallDeletionProtection     bool
	FirewallSubnetChangeProtection bool

	// Danger: off unless a stack turns it on by name.
	DatabaseApplyImmediately bool
	EmptyBucketsWhenRemoved  bool
	Drills                   bool
}

// Zones are the zones that the environment spans.
func (s Settings) Zones() []zones.Zone {
	planned, err := zones.Plan(s.Region, s.letters())
	if err != nil {
		panic("settings were not loaded by Load: " + err.Error())
	}
	return planned
}

func (s Settings) letters() []string {
	if len(s.ZoneLetters) > 0 {
		return s.ZoneLetters
	}
	return zones.First(s.ZoneCount)
}

// ImportsCertificate says whether the site's certificate was made elsewhere.
func (s Settings) ImportsCertificate() bool { return s.CertificateFile != "" }

// Error lists everything that is wrong with a stack's configuration.
type Error struct {
	Problems []string // one a key, sorted: key, what is there, what was expected
}

// Error shows one problem a line, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("%d wrong settings:\n  %s\nCorrect them in the stack's file under stacks/; `docs/settings.md` describes every key.",
		len(e.Problems), strings.Join(e.Problems, "\n  "))
}

// Load reads the settings from a stack's raw configuration, as Pulumi hands it
// to a program: full key to text, with lists and maps as JSON.
func Load(config map[string]string) (Settings, error) {
	var loaded Settings
	var problems []string
	wrong := func(name string, err error) {
		problems = append(problems, fmt.Sprintf("%s:%s: %v", Namespace, name, err))
	}
	known := map[string]bool{}
	for _, key := range keys {
		known[key.Name] = true
		raw, present := config[Namespace+":"+key.Name]
		switch {
		case present:
			if err := key.set(&loaded, raw); err != nil {
				wrong(key.Name, err)
			}
		case key.Required():
			wrong(key.Name, fmt.Errorf("is missing: expected %s", key.Expected))
		default:
			if err := key.set(&loaded, key.rawDefault()); err != nil {
				wrong(key.Name, err)
			}
		}
	}
	problems = append(problems, unknown(config, known)...)
	if len(problems) == 0 {
		problems = loaded.conflicts()
	}
	if len(problems) > 0 {
		sort.Strings(problems)
		return Settings{}, &Error{Problems: problems}
	}
	return loaded, nil
}

// unknown lists the keys of the namespace that the table does not have, with the
// likeliest meaning.
func unknown(config map[string]string, known map[string]bool) []string {
	var problems []string
	for full := range config {
		name, ours := strings.CutPrefix(full, Namespace+":")
		if !ours || known[name] {
			continue
		}
		problem := full + ": is not a setting"
		if near := nearest(name); near != "" {
			problem += fmt.Sprintf(": did you mean %s:%s?", Namespace, near)
		}
		problems = append(problems, problem)
	}
	return problems
}

// nearest finds a key that differs only by case, hyphens or a missing end.
func nearest(name string) string {
	plain := func(text string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(text))
	}
	for _, key := range keys {
		if plain(key.Name) == plain(name) || (len(name) > 3 && strings.HasPrefix(plain(key.Name), plain(name))) {
			return key.Name
		}
	}
	return ""
}

// conflicts lists the settings that are right alone and wrong together.
func (s Settings) conflicts() []string {
	var problems []string
	check := func(ok bool, name, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf("%s:%s: ", Namespace, name)+fmt.Sprintf(format, values...))
		}
	}
	check(len(s.ZoneLetters) == 0 || len(s.ZoneLetters) == s.ZoneCount, "zoneLetters",
		"names %d zones: expected %d, as haven:zones says", len(s.ZoneLetters), s.ZoneCount)
	if _, err := zones.Plan(s.Region, s.letters()); err != nil && len(s.ZoneLetters) == s.ZoneCount {
		check(false, "zoneLetters", "%v", err)
	}
	check(s.Site == s.Domain || strings.HasSuffix(s.Site, "."+s.Domain), "site",
		"is %q: expected a name in haven:domain, %q", s.Site, s.Domain)
	files := []string{s.CertificateFile, s.CertificateKeyFile, s.CertificateChainFile}
	some, all := slices.ContainsFunc(files, notEmpty), !slices.Contains(files, "")
	check(some == all, "certificateFile", "expected all or none of certificateFile, certificateKeyFile and certificateChainFile")
	check(some || s.HostedZone != "", "hostedZone",
		"is empty: without certificate files ACM has to prove control of a public hosted zone: expected its id")
	check(s.HealthTimeout < s.HealthInterval, "healthTimeoutSeconds",
		"is %d: expected less than haven:healthIntervalSeconds, %d", s.HealthTimeout, s.HealthInterval)
	stop := webtier.StopSeconds(s.DetectionSeconds(), s.DrainSeconds)
	check(stop <= webtier.ShutdownSeconds, "drainSeconds",
		"is %d: with health checks that notice within %d s, servers would take up to %d s to stop: expected at most %d", s.DrainSeconds, s.DetectionSeconds(), stop, webtier.ShutdownSeconds)
	check(s.MaxHealthyPercentage <= s.MinHealthyPercentage+100, "webMaxHealthyPercentage",
		"is %d: expected at most 100 more than haven:webMinHealthyPercentage, %d", s.MaxHealthyPercentage, s.MinHealthyPercentage)
	check(s.PeakLoad >= s.StatedLoad, "webPeakLoad", "is %d: expected at least haven:webStatedLoad, %d", s.PeakLoad, s.StatedLoad)
	return problems
}

func notEmpty(text string) bool { return text != "" }

// IsError says whether err is about wrong settings.
func IsError(err error) bool {
	var wrong *Error
	return errors.As(err, &wrong)
}
