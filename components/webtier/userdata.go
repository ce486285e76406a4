package webtier

import (
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"text/template"
)

// userDataLimit is AWS's limit in bytes, before base64.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
const userDataLimit = 16 * 1024

// stopGraceSeconds is how much longer than it has to the application may take to
// stop before it is killed.
const stopGraceSeconds = 10

// ShutdownSeconds is how long a server may take to shut down. AWS asks the operating
// system to and states no time after which it takes the power, only that more than a
// few minutes are a delay; the lab takes it after this long.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/TroubleshootingInstancesShuttingDown.html
const ShutdownSeconds = 90

// StopSeconds is how long a server may take to stop the application: requests are
// taken until the balancer must have noticed, then finished.
func StopSeconds(detection, drain int) int { return detection + drain + stopGraceSeconds }

//go:embed userdata.sh.tmpl
var userDataText string

var userDataTemplate = template.Must(template.New("user data").Option("missingkey=error").Parse(userDataText))

// UserData is everything that a server is told at its first boot. None of it is
// secret: the application reads the database's secret by its ARN.
type UserData struct {
	Artifact       string // s3:// address of the application
	ArtifactSHA256 string // hexadecimal
	Trust          string // s3:// or https:// address of the authorities that sign the database's certificates
	TrustSHA256    string // hexadecimal; may be empty for https
	FileSystem     string // id of the shared file system
	AccessPoint    string // id of its access point
	SharedDir      string // where it is mounted
	Owner          int    // user and group id of the application
	Port           int    // where the application listens
	Version        string
	WriterHost     string
	ReaderHost     string
	Hosts          string // every database member, comma separated; may be empty
	DatabasePort   int
	DatabaseName   string
	SecretARN      string

	DetectionSeconds int // requests are taken for so long after the application was told to stop
	DrainSeconds     int // and then finished for so long
}

// StopSeconds is how long the service manager waits for the application to stop.
func (u UserData) StopSeconds() int { return StopSeconds(u.DetectionSeconds, u.DrainSeconds) }

// Values end up between single quotes in a script and unquoted in an
// environment file: nothing that either would interpret is let through.
var (
	safeValue   = regexp.MustCompile(`^[A-Za-z0-9._:/,@%+=!-]+$`)
	sha256Value = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// RenderUserData writes the boot script. It is a pure function: equal input
// gives the equal script, so that only a real change rolls the fleet. The error
// lists every field that cannot be used.
func RenderUserData(data UserData) (string, error) {
	if err := data.validate(); err != nil {
		return "", fmt.Errorf("rendering user data: %w", err)
	}
	var script strings.Builder
	if err := userDataTemplate.Execute(&script, data); err != nil {
		return "", fmt.Errorf("rendering user data: %w", err)
	}
	if script.Len() > userDataLimit {
		return "", fmt.Errorf("rendering user data: it has %d bytes, AWS takes %d", script.Len(), userDataLimit)
	}
	return script.String(), nil
}

func (u UserData) validate() error {
	optional := map[string]bool{"Hosts": true, "TrustSHA256": true}
	var problems []error
	fields := reflect.ValueOf(u)
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Name
		switch value := fields.Field(i).Interface().(type) {
		case string:
			if (value != "" || !optional[name]) && !safeValue.MatchString(value) {
				problems = append(problems, fmt.Errorf("%s %q: expected letters, digits and ._:/,@%%+=!- only", name, value))
			}
		case int:
			if value <= 0 {
				problems = append(problems, fmt.Errorf("%s is %d: expected more than 0", name, value))
			}
		}
	}
	return errors.Join(append(problems, u.validateSources()...)...)
}

func (u UserData) validateSources() []error {
	var problems []error
	if !strings.HasPrefix(u.Artifact, "s3://") || !sha256Value.MatchString(u.ArtifactSHA256) {
		problems = append(problems, errors.New("Artifact has to be an s3:// address with its SHA-256"))
	}
	switch {
	case strings.HasPrefix(u.Trust, "https://"):
	case strings.HasPrefix(u.Trust, "s3://") && sha256Value.MatchString(u.TrustSHA256):
	default:
		problems = append(problems, errors.New("Trust has to be an https:// address, or an s3:// address with its SHA-256"))
	}
	return problems
}
