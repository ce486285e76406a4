package route53

import (
	"context"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

// check is one row: a health check as declared.
type check struct {
	ID        string
	Reference string
	Version   int64
	Config    types.HealthCheckConfig
	Tags      map[string]string
}

var checks = cloud.NewTable[check]("route53.healthchecks")

func findCheck(tx *cloud.Tx, id *string) (*check, error) {
	found, err := checks.Get(tx, cloud.Global, bare(id))
	if err == nil && found == nil {
		err = cloud.StatusErrorf(404, "NoSuchHealthCheck", "A health check with id %s does not exist.", bare(id))
	}
	return found, err
}

func (c *check) describe() *types.HealthCheck {
	return &types.HealthCheck{Id: aws.String(c.ID), CallerReference: aws.String(c.Reference), HealthCheckVersion: aws.Int64(c.Version), HealthCheckConfig: &c.Config}
}

// name is what people know a health check by.
func (c *check) name() string {
	if name := c.Tags["Name"]; name != "" {
		return name
	}
	return c.ID
}

// CreateHealthCheck makes a health check, which is probed from then on. The same request again gets the one that it made.
func (s *Service) CreateHealthCheck(_ context.Context, in *route53.CreateHealthCheckInput) (*route53.CreateHealthCheckOutput, error) {
	config, err := completed(*in.HealthCheckConfig)
	if err != nil {
		return nil, err
	}
	made := &check{ID: cloud.NewUUID(), Reference: aws.ToString(in.CallerReference), Version: 1, Config: config, Tags: map[string]string{}}
	err = s.store.Update(func(tx *cloud.Tx) error {
		if err := checkFamily(tx, made); err != nil {
			return err
		}
		all, err := checks.ListAll(tx)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Reference == made.Reference && reflect.DeepEqual(other.Config, made.Config) {
				made = other
				return nil
			}
			if other.Reference == made.Reference {
				return cloud.StatusErrorf(409, "HealthCheckAlreadyExists", "A health check with this caller reference exists: %s.", other.ID)
			}
		}
		return checks.Put(tx, cloud.Global, made.ID, made)
	})
	if err != nil {
		return nil, err
	}
	return &route53.CreateHealthCheckOutput{HealthCheck: made.describe(), Location: aws.String("https://route53.amazonaws.com/2013-04-01/healthcheck/" + made.ID)}, nil
}

// GetHealthCheck returns a health check.
func (s *Service) GetHealthCheck(_ context.Context, in *route53.GetHealthCheckInput) (out *route53.GetHealthCheckOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := findCheck(tx, in.HealthCheckId)
		if err == nil {
			out = &route53.GetHealthCheckOutput{HealthCheck: found.describe()}
		}
		return err
	})
	return out, err
}

// DeleteHealthCheck forgets a health check.
func (s *Service) DeleteHealthCheck(_ context.Context, in *route53.DeleteHealthCheckInput) (*route53.DeleteHealthCheckOutput, error) {
	return &route53.DeleteHealthCheckOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := findCheck(tx, in.HealthCheckId)
		if err != nil {
			return err
		}
		if err := statuses.Delete(tx, cloud.Global, found.ID); err != nil {
			return err
		}
		return checks.Delete(tx, cloud.Global, found.ID)
	})
}

// ListHealthChecks returns the account's health checks.
func (s *Service) ListHealthChecks(_ context.Context, in *route53.ListHealthChecksInput) (*route53.ListHealthChecksOutput, error) {
	var all []*check
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		all, err = checks.ListAll(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	most := items(in.MaxItems)
	page, next, err := cloud.Page(all, func(c *check) string { return c.ID }, aws.ToString(in.Marker), most)
	if err != nil {
		return nil, cloud.Errorf("InvalidInput", "Marker: %v", err)
	}
	out := &route53.ListHealthChecksOutput{IsTruncated: next != "", MaxItems: aws.Int32(int32(most)), Marker: in.Marker, HealthChecks: []types.HealthCheck{}}
	if next != "" {
		out.NextMarker = &next
	}
	for _, c := range page {
		out.HealthChecks = append(out.HealthChecks, *c.describe())
	}
	return out, nil
}
