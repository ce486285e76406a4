package ssm

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/services/kms"
)

// parameter is a parameter with its versions, the oldest first.
type parameter struct {
	Name     string
	Type     types.ParameterType
	Tier     types.ParameterTier
	DataType string
	Tags     []types.Tag
	Versions []version
}

type version struct {
	Number      int64
	Value       string // of a plain parameter
	Sealed      []byte // of a SecureString
	KeyID       string // as it was given
	Description string
	Pattern     string
	Modified    time.Time
	User        string
	Labels      []string
}

var parameters = cloud.NewTable[parameter]("ssm.parameters")

func (p *parameter) latest() *version { return &p.Versions[len(p.Versions)-1] }

func parameterARN(region, name string) string {
	return cloud.ARN("ssm", region, "parameter/"+strings.TrimPrefix(name, "/"))
}

// nameOf returns a parameter's name, which may be given as an ARN.
func nameOf(region, text string) string {
	rest, isARN := strings.CutPrefix(text, cloud.ARN("ssm", region, "parameter"))
	if !isARN {
		return text
	}
	if strings.Count(rest, "/") == 1 { // a name without a hierarchy has no slash in front
		return rest[1:]
	}
	return rest
}

// selectVersion returns the version that a selector names: a number, a label, or the latest when it is empty.
func (p *parameter) selectVersion(selector string) (*version, error) {
	if selector == "" {
		return p.latest(), nil
	}
	at := slices.IndexFunc(p.Versions, func(v version) bool {
		return strconv.FormatInt(v.Number, 10) == selector || slices.Contains(v.Labels, selector)
	})
	if at < 0 {
		return nil, cloud.Errorf("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, p.Name)
	}
	return &p.Versions[at], nil
}

// sealContext binds a sealed value to its parameter
// (https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html).
func sealContext(region, name string) map[string]string {
	return map[string]string{"PARAMETER_ARN": parameterARN(region, name)}
}

// value returns what a version holds. Without decryption a SecureString shows its ciphertext.
func (v *version) value(tx *cloud.Tx, region, name string, decrypt bool) (string, error) {
	if v.Sealed == nil {
		return v.Value, nil
	}
	if !decrypt {
		return encode(v.Sealed), nil
	}
	plain, err := kms.Unseal(tx, region, v.Sealed, sealContext(region, name))
	return string(plain), err
}

// described returns a version as GetParameter's answer has it.
func (p *parameter) described(tx *cloud.Tx, region string, v *version, selector string, decrypt bool) (*types.Parameter, error) {
	value, err := v.value(tx, region, p.Name, decrypt)
	described := &types.Parameter{
		Name: aws.String(p.Name), ARN: aws.String(parameterARN(region, p.Name)), Type: p.Type, DataType: aws.String(p.DataType),
		Value: aws.String(value), Version: v.Number, LastModifiedDate: aws.Time(v.Modified),
	}
	if selector != "" {
		described.Selector = aws.String(":" + selector)
	}
	return described, err
}

// metadata returns the latest version as DescribeParameters' answer has it.
func (p *parameter) metadata(region string) types.ParameterMetadata {
	v := p.latest()
	return types.ParameterMetadata{
		Name: aws.String(p.Name), ARN: aws.String(parameterARN(region, p.Name)), Type: p.Type, Tier: p.Tier, DataType: aws.String(p.DataType),
		Version: v.Number, LastModifiedDate: aws.Time(v.Modified), LastModifiedUser: aws.String(v.User),
		KeyId: notEmpty(v.KeyID), Description: notEmpty(v.Description), AllowedPattern: notEmpty(v.Pattern), Policies: []types.ParameterInlinePolicy{},
	}
}

func notEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
