package ssm

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/services/kms"
)

// Limits of Parameter Store (https://docs.aws.amazon.com/general/latest/gr/ssm.html#parameter-store).
const (
	maxStandard = 4 << 10
	maxAdvanced = 8 << 10
	maxVersions = 100
	maxLevels   = 15
	defaultKey  = "alias/aws/ssm"
)

var (
	goodName     = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)
	reservedName = regexp.MustCompile(`(?i)^/?(aws|ssm)`)
)

func checkName(name string) error {
	switch {
	case !goodName.MatchString(name):
		return cloud.Errorf("ValidationException", "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). If formed as a path, it can "+
			"consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case reservedName.MatchString(name):
		return cloud.StatusErrorf(400, "AccessDeniedException", "No access to reserved parameter name: %s.", name)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return cloud.Errorf("ValidationException", "Parameter name must be a fully qualified name.")
	case strings.Count(name, "/") > maxLevels:
		return cloud.Errorf("HierarchyLevelLimitExceededException", "Parameter name exceeds the limit of %d levels.", maxLevels)
	}
	return nil
}

// PutParameter makes a parameter, or with Overwrite a new version of it.
func (s *Service) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	region := cloud.RegionOf(ctx)
	name := nameOf(region, *in.Name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	if aws.ToBool(in.Overwrite) && len(in.Tags) > 0 {
		return nil, cloud.Errorf("ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, "+
			"please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	out := &ssm.PutParameterOutput{}
	err := s.store.Update(func(tx *cloud.Tx) error {
		p, err := parameters.Get(tx, region, name)
		if err != nil {
			return err
		}
		if p, err = settle(p, name, in); err != nil {
			return err
		}
		v, err := s.newVersion(ctx, tx, p, in)
		if err != nil {
			return err
		}
		if err := p.add(v); err != nil {
			return err
		}
		out.Version, out.Tier = v.Number, p.Tier
		return parameters.Put(tx, region, name, p)
	})
	return out, err
}

// settle returns the parameter that gets a new version: a new one, or the one that is there.
func settle(p *parameter, name string, in *ssm.PutParameterInput) (*parameter, error) {
	if p != nil && !aws.ToBool(in.Overwrite) {
		return nil, cloud.Errorf("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	}
	if p == nil {
		if in.Type == "" {
			return nil, cloud.Errorf("ValidationException", "A parameter type is required when you create a parameter.")
		}
		p = &parameter{Name: name, Type: in.Type, Tier: types.ParameterTierStandard, DataType: "text", Tags: in.Tags}
	}
	if in.Type != "" && in.Type != p.Type {
		return nil, cloud.Errorf("HierarchyTypeMismatchException", "Parameter Store does not support changing a parameter type in a hierarchy. For example, you "+
			"can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.")
	}
	if in.DataType != nil {
		if *in.DataType != "text" && *in.DataType != "aws:ec2:image" {
			return nil, cloud.Errorf("ValidationException", "The data type %s is not one that the lab knows.", *in.DataType)
		}
		p.DataType = *in.DataType
	}
	return p, p.setTier(in.Tier, len(*in.Value))
}

func (p *parameter) setTier(wanted types.ParameterTier, size int) error {
	switch {
	case wanted == types.ParameterTierAdvanced || wanted == types.ParameterTierIntelligentTiering && size > maxStandard:
		p.Tier = types.ParameterTierAdvanced
	case wanted == types.ParameterTierStandard && p.Tier == types.ParameterTierAdvanced:
		return cloud.Errorf("ValidationException", "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "+
			"advanced-parameter tier to the standard-parameter tier.")
	}
	limit := maxStandard
	if p.Tier == types.ParameterTierAdvanced {
		limit = maxAdvanced
	}
	if size > limit {
		return cloud.Errorf("ValidationException", "%s tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, "+
			"upgrade the parameter to use the advanced-parameter tier.", p.Tier, limit)
	}
	return nil
}

func (s *Service) newVersion(ctx context.Context, tx *cloud.Tx, p *parameter, in *ssm.PutParameterInput) (version, error) {
	v := version{
		Number: 1, Description: aws.ToString(in.Description), Pattern: aws.ToString(in.AllowedPattern),
		Modified: s.now().UTC().Truncate(1e6), User: cloud.CallFrom(ctx).Principal.ARN,
	}
	if len(p.Versions) > 0 {
		last := p.latest()
		v.Number = last.Number + 1
		if in.Description == nil {
			v.Description = last.Description
		}
	}
	if err := checkPattern(v.Pattern, *in.Value); err != nil {
		return v, err
	}
	if p.Type != types.ParameterTypeSecureString {
		if in.KeyId != nil {
			return v, cloud.Errorf("ValidationException", "KeyId is not valid for a parameter of type %s.", p.Type)
		}
		v.Value = *in.Value
		return v, nil
	}
	if v.KeyID = aws.ToString(in.KeyId); v.KeyID == "" {
		v.KeyID = defaultKey
	}
	region := cloud.RegionOf(ctx)
	sealed, key, err := kms.Seal(tx, region, v.KeyID, []byte(*in.Value), sealContext(region, p.Name))
	if cloud.HasCode(err, "NotFoundException") {
		err = cloud.Errorf("InvalidKeyId", "%v (key %s)", err, v.KeyID)
	}
	if err == nil {
		err = s.mayEncrypt(ctx, tx, region, key, p.Name)
	}
	v.Sealed = sealed
	return v, err
}

func checkPattern(pattern, value string) error {
	if pattern == "" {
		return nil
	}
	expression, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return cloud.Errorf("InvalidAllowedPatternException", "The regular expression is not valid: %v.", err)
	}
	if !expression.MatchString(value) {
		return cloud.Errorf("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", pattern)
	}
	return nil
}

// add appends a version. The oldest goes when there are too many, unless a label holds it.
func (p *parameter) add(v version) error {
	p.Versions = append(p.Versions, v)
	if len(p.Versions) <= maxVersions {
		return nil
	}
	if len(p.Versions[0].Labels) > 0 {
		return cloud.Errorf("ParameterMaxVersionLimitExceeded", "The oldest version of %s has labels. Move them to a newer one, and try again.", p.Name)
	}
	p.Versions = p.Versions[1:]
	return nil
}

// DeleteParameter deletes a parameter.
func (s *Service) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	deleted, err := s.delete(ctx, []string{*in.Name})
	if err == nil && len(deleted) == 0 {
		err = notFound(*in.Name)
	}
	return &ssm.DeleteParameterOutput{}, err
}

// DeleteParameters deletes parameters, and tells which were not there.
func (s *Service) DeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	deleted, err := s.delete(ctx, in.Names)
	missing := slices.DeleteFunc(slices.Clone(in.Names), func(name string) bool { return slices.Contains(deleted, name) })
	return &ssm.DeleteParametersOutput{DeletedParameters: deleted, InvalidParameters: missing}, err
}

func (s *Service) delete(ctx context.Context, names []string) (deleted []string, err error) {
	region := cloud.RegionOf(ctx)
	return deleted, s.store.Update(func(tx *cloud.Tx) error {
		for _, name := range names {
			p, err := parameters.Get(tx, region, nameOf(region, name))
			if err != nil {
				return err
			}
			if p == nil {
				continue
			}
			if err := parameters.Delete(tx, region, p.Name); err != nil {
				return fmt.Errorf("deleting parameter %s: %w", name, err)
			}
			deleted = append(deleted, name)
		}
		return nil
	})
}
