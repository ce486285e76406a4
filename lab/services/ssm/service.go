package ssm

import (
	"context"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

// Service answers the operations of Parameter Store, of documents and of Run Command.
type Service struct {
	store  *cloud.Store
	public map[string]string
	now    func() time.Time
	log    *slog.Logger

	machines    Nodes
	permissions Permissions
	objects     Objects
	logs        Logs
}

// Option gives the service what it depends on for Run Command; without nodes there is nothing to run on.
type Option func(*Service)

// WithNodes sets who knows instances and reaches their agents.
func WithNodes(nodes Nodes) Option { return func(s *Service) { s.machines = nodes } }

// WithPermissions sets who knows the rights of instances' roles; without it they may all.
func WithPermissions(p Permissions) Option { return func(s *Service) { s.permissions = p } }

// WithOutputs sets where outputs of commands can go.
func WithOutputs(objects Objects, logs Logs) Option {
	return func(s *Service) { s.objects, s.logs = objects, logs }
}

// WithLog sets where Run writes.
func WithLog(log *slog.Logger) Option { return func(s *Service) { s.log = log } }

// New returns the service. Public parameters, which belong to Amazon, are given by their names.
func New(store *cloud.Store, public map[string]string) *Service {
	return &Service{store: store, public: public, now: time.Now, log: slog.Default()}
}

// Use adds dependencies that can only be made after the service; call it before Run and before the first request.
func (s *Service) Use(options ...Option) {
	for _, option := range options {
		option(s)
	}
}

func encode(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

// publicSince is when the public parameters were last changed.
var publicSince = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// find returns a parameter of the account or a public one, or nil.
func (s *Service) find(tx *cloud.Tx, region, name string) (*parameter, error) {
	if value, ok := s.public[name]; ok {
		return publicParameter(name, value), nil
	}
	return parameters.Get(tx, region, name)
}

func publicParameter(name, value string) *parameter {
	return &parameter{
		Name: name, Type: types.ParameterTypeString, Tier: types.ParameterTierStandard, DataType: "text",
		Versions: []version{{Number: 1, Value: value, Modified: publicSince, User: "arn:aws:iam::aws:root"}},
	}
}

// get returns a parameter by "name", "name:version" or "name:label".
func (s *Service) get(ctx context.Context, tx *cloud.Tx, region, text string, decrypt bool) (*types.Parameter, error) {
	name, selector := nameOf(region, text), ""
	if at := strings.LastIndexByte(name, ':'); at >= 0 {
		name, selector = nameOf(region, text[:len(text)-len(name)+at]), name[at+1:]
	}
	p, err := s.find(tx, region, name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, notFound(text)
	}
	v, err := p.selectVersion(selector)
	if err != nil {
		return nil, err
	}
	if err := s.mayDecrypt(ctx, tx, region, p, v, decrypt); err != nil {
		return nil, err
	}
	return p.described(tx, region, v, selector, decrypt)
}

func notFound(name string) error {
	return cloud.Errorf("ParameterNotFound", "Parameter %s not found.", name)
}

// Parameter returns a parameter's value, for services that resolve references.
func (s *Service) Parameter(tx *cloud.Tx, region, name string) (string, error) {
	p, err := s.get(context.Background(), tx, region, name, true)
	if err != nil {
		return "", err
	}
	return *p.Value, nil
}

// GetParameter returns one parameter.
func (s *Service) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	out := &ssm.GetParameterOutput{}
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		out.Parameter, err = s.get(ctx, tx, cloud.RegionOf(ctx), *in.Name, aws.ToBool(in.WithDecryption))
		return err
	})
	return out, err
}

// GetParameters returns several parameters, and the names of those that are not there.
func (s *Service) GetParameters(ctx context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	out := &ssm.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		for _, name := range in.Names {
			p, err := s.get(ctx, tx, cloud.RegionOf(ctx), name, aws.ToBool(in.WithDecryption))
			switch {
			case cloud.HasCode(err, "ParameterNotFound") || cloud.HasCode(err, "ParameterVersionNotFound"):
				out.InvalidParameters = append(out.InvalidParameters, name)
			case err != nil:
				return err
			default:
				out.Parameters = append(out.Parameters, *p)
			}
		}
		return nil
	})
	return out, err
}

// GetParametersByPath returns the parameters below a path.
func (s *Service) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	region, path := cloud.RegionOf(ctx), *in.Path
	if !strings.HasPrefix(path, "/") {
		return nil, cloud.Errorf("ValidationException", "The parameter path %q must begin with a slash.", path)
	}
	limit := int(aws.ToInt32(in.MaxResults))
	if limit == 0 {
		limit = 10
	}
	out := &ssm.GetParametersByPathOutput{Parameters: []types.Parameter{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		matching, err := s.matching(tx, region, in.ParameterFilters, strings.HasPrefix(path, "/aws/"), func(p *parameter) bool {
			return below(p.Name, path, aws.ToBool(in.Recursive))
		})
		if err != nil {
			return err
		}
		rows, next, err := page(matching, in.NextToken, limit)
		if err != nil {
			return err
		}
		out.NextToken = next
		for _, p := range rows {
			if err := s.mayDecrypt(ctx, tx, region, p, p.latest(), aws.ToBool(in.WithDecryption)); err != nil {
				return err
			}
			described, err := p.described(tx, region, p.latest(), "", aws.ToBool(in.WithDecryption))
			if err != nil {
				return err
			}
			out.Parameters = append(out.Parameters, *described)
		}
		return nil
	})
	return out, err
}

// below tells whether a name is under a path, directly or at any depth.
func below(name, path string, recursive bool) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(path, "/")+"/")
	return ok && rest != "" && (recursive || !strings.Contains(rest, "/"))
}

func page(rows []*parameter, token *string, limit int) ([]*parameter, *string, error) {
	kept, next, err := cloud.Page(rows, func(p *parameter) string { return p.Name }, aws.ToString(token), limit)
	if err == cloud.ErrBadToken {
		err = cloud.Errorf("InvalidNextToken", "The specified token is not valid.")
	}
	return kept, notEmpty(next), err
}

// matching returns parameters that pass the filters, in the order of their names. Public ones are asked for
// by their path only.
func (s *Service) matching(tx *cloud.Tx, region string, filters []types.ParameterStringFilter, public bool, also func(*parameter) bool) ([]*parameter, error) {
	all, err := parameters.List(tx, region)
	if err != nil {
		return nil, err
	}
	if public {
		for name, value := range s.public {
			all = append(all, publicParameter(name, value))
		}
	}
	var kept []*parameter
	for _, p := range all {
		passes, err := p.passes(filters)
		if err != nil {
			return nil, err
		}
		if passes && also(p) {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(a, b *parameter) int { return strings.Compare(a.Name, b.Name) })
	return kept, nil
}

// DescribeParameters describes the account's parameters without their values.
func (s *Service) DescribeParameters(ctx context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	if aws.ToBool(in.Shared) {
		return nil, cloud.Unsupportedf("ValidationException", "parameters that are shared between accounts")
	}
	limit := int(aws.ToInt32(in.MaxResults))
	if limit == 0 {
		limit = 50
	}
	out := &ssm.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		matching, err := s.matching(tx, cloud.RegionOf(ctx), in.ParameterFilters, false, func(*parameter) bool { return true })
		if err != nil {
			return err
		}
		rows, next, err := page(matching, in.NextToken, limit)
		out.NextToken = next
		for _, p := range rows {
			out.Parameters = append(out.Parameters, p.metadata(cloud.RegionOf(ctx)))
		}
		return err
	})
	return out, err
}

// GetParameterHistory returns all versions of a parameter.
func (s *Service) GetParameterHistory(ctx context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	_, _ = in.MaxResults, in.NextToken // there are a hundred at most: one page
	region := cloud.RegionOf(ctx)
	out := &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		p, err := parameters.Get(tx, region, nameOf(region, *in.Name))
		if err == nil && p == nil {
			err = notFound(*in.Name)
		}
		if err != nil {
			return err
		}
		for i := range p.Versions {
			v := &p.Versions[i]
			if err := s.mayDecrypt(ctx, tx, region, p, v, aws.ToBool(in.WithDecryption)); err != nil {
				return err
			}
			value, err := v.value(tx, region, p.Name, aws.ToBool(in.WithDecryption))
			if err != nil {
				return err
			}
			out.Parameters = append(out.Parameters, types.ParameterHistory{
				Name: aws.String(p.Name), Type: p.Type, Tier: p.Tier, DataType: aws.String(p.DataType), Value: aws.String(value),
				Version: v.Number, LastModifiedDate: aws.Time(v.Modified), LastModifiedUser: aws.String(v.User), Labels: v.Labels,
				KeyId: notEmpty(v.KeyID), Description: notEmpty(v.Description), AllowedPattern: notEmpty(v.Pattern),
			})
		}
		return nil
	})
	return out, err
}
