package route53

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

// observations lists what checkers reported last, by region.
func (s *Service) observations(id string, report func(o *observation) *types.StatusReport) []types.HealthCheckObservation {
	all := []types.HealthCheckObservation{}
	s.mu.Lock()
	w := s.watches[id]
	s.mu.Unlock()
	if w == nil {
		return all
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for region, o := range w.checkers {
		if status := report(o); status != nil {
			all = append(all, types.HealthCheckObservation{Region: region, IPAddress: aws.String(checkerAddress(region)), StatusReport: status})
		}
	}
	slices.SortFunc(all, func(a, b types.HealthCheckObservation) int {
		return strings.Compare(string(a.Region), string(b.Region))
	})
	return all
}

// outside is the address that all of the lab's checkers send from.
const outside = "203.0.113.1"

func checkerAddress(types.HealthCheckRegion) string { return outside }

// observed finds a health check that has checkers.
func (s *Service) observed(id *string) (*check, error) {
	var found *check
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		found, err = findCheck(tx, id)
		return err
	})
	if err == nil && found.Config.RequestInterval == nil {
		err = cloud.Errorf("InvalidInput", "The health check %s has the type %s, which no checkers probe.", found.ID, found.Config.Type)
	}
	return found, err
}

// GetHealthCheckStatus tells what each checker saw last.
func (s *Service) GetHealthCheckStatus(_ context.Context, in *route53.GetHealthCheckStatusInput) (*route53.GetHealthCheckStatusOutput, error) {
	found, err := s.observed(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	return &route53.GetHealthCheckStatusOutput{HealthCheckObservations: s.observations(found.ID, func(o *observation) *types.StatusReport {
		if o.at.IsZero() {
			return nil
		}
		return &types.StatusReport{Status: aws.String(o.report), CheckedTime: aws.Time(o.at)}
	})}, nil
}

// GetHealthCheckLastFailureReason tells why each checker's last failed probe failed.
func (s *Service) GetHealthCheckLastFailureReason(_ context.Context, in *route53.GetHealthCheckLastFailureReasonInput) (*route53.GetHealthCheckLastFailureReasonOutput, error) {
	found, err := s.observed(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	return &route53.GetHealthCheckLastFailureReasonOutput{HealthCheckObservations: s.observations(found.ID, func(o *observation) *types.StatusReport {
		if o.failure == "" {
			return nil
		}
		return &types.StatusReport{Status: aws.String(o.failure), CheckedTime: aws.Time(o.failed)}
	})}, nil
}

// GetHealthCheckCount counts the account's health checks.
func (s *Service) GetHealthCheckCount(context.Context, *route53.GetHealthCheckCountInput) (*route53.GetHealthCheckCountOutput, error) {
	count := 0
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := checks.ListAll(tx)
		count = len(all)
		return err
	})
	return &route53.GetHealthCheckCountOutput{HealthCheckCount: aws.Int64(int64(count))}, err
}

// GetCheckerIpRanges tells where checkers send from.
func (s *Service) GetCheckerIpRanges(context.Context, *route53.GetCheckerIpRangesInput) (*route53.GetCheckerIpRangesOutput, error) {
	return &route53.GetCheckerIpRangesOutput{CheckerIpRanges: []string{outside + "/32"}}, nil
}

// UpdateHealthCheck changes a health check; what is not given stays.
func (s *Service) UpdateHealthCheck(_ context.Context, in *route53.UpdateHealthCheckInput) (*route53.UpdateHealthCheckOutput, error) {
	var found *check
	err := s.store.Update(func(tx *cloud.Tx) (err error) {
		if found, err = findCheck(tx, in.HealthCheckId); err != nil {
			return err
		}
		if in.HealthCheckVersion != nil && *in.HealthCheckVersion != found.Version {
			return cloud.StatusErrorf(409, "HealthCheckVersionMismatch", "The health check has the version %d, not %d.", found.Version, *in.HealthCheckVersion)
		}
		if found.Config, err = completed(updated(found.Config, in)); err != nil {
			return err
		}
		if err := checkFamily(tx, found); err != nil {
			return err
		}
		found.Version++
		return checks.Put(tx, cloud.Global, found.ID, found)
	})
	if err != nil {
		return nil, err
	}
	return &route53.UpdateHealthCheckOutput{HealthCheck: found.describe()}, nil
}

func updated(config types.HealthCheckConfig, in *route53.UpdateHealthCheckInput) types.HealthCheckConfig {
	for _, reset := range in.ResetElements {
		switch reset {
		case types.ResettableElementNameChildHealthChecks:
			config.ChildHealthChecks = nil
		case types.ResettableElementNameFullyQualifiedDomainName:
			config.FullyQualifiedDomainName = nil
		case types.ResettableElementNameRegions:
			config.Regions = nil
		case types.ResettableElementNameResourcePath:
			config.ResourcePath = nil
		}
	}
	set(&config.AlarmIdentifier, in.AlarmIdentifier)
	set(&config.Disabled, in.Disabled)
	set(&config.EnableSNI, in.EnableSNI)
	set(&config.FailureThreshold, in.FailureThreshold)
	set(&config.FullyQualifiedDomainName, in.FullyQualifiedDomainName)
	set(&config.HealthThreshold, in.HealthThreshold)
	set(&config.IPAddress, in.IPAddress)
	set(&config.Inverted, in.Inverted)
	set(&config.Port, in.Port)
	set(&config.ResourcePath, in.ResourcePath)
	set(&config.SearchString, in.SearchString)
	if in.InsufficientDataHealthStatus != "" {
		config.InsufficientDataHealthStatus = in.InsufficientDataHealthStatus
	}
	if in.ChildHealthChecks != nil {
		config.ChildHealthChecks = in.ChildHealthChecks
	}
	if in.Regions != nil {
		config.Regions = in.Regions
	}
	return config
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// checkFamily refuses children that are not there, and families that are their own ancestors.
func checkFamily(tx *cloud.Tx, c *check) error {
	for _, id := range c.Config.ChildHealthChecks {
		child, err := findCheck(tx, &id)
		if err != nil {
			return fmt.Errorf("reading a child health check: %w", err)
		}
		if child.Config.Type == types.HealthCheckTypeCalculated {
			return invalid("ChildHealthChecks: %s is a calculated health check itself", id)
		}
	}
	return nil
}
