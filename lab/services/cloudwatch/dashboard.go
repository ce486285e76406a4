package cloudwatch

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// dashboard is a record: nothing draws it.
type dashboard struct {
	Name     string
	Body     string
	Modified time.Time
	Tags     map[string]string `json:",omitempty"`
}

// dashboards belong to no region.
var dashboards = cloud.NewTable[dashboard]("cloudwatch.dashboards")

func dashboardARN(name string) string { return cloud.ARN("cloudwatch", "", "dashboard/"+name) }

var goodDashboard = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func badDashboard(path, message string) error {
	return cloud.Errorf("InvalidParameterInput", "The dashboard is not valid: %s: %s", path, message)
}

// PutDashboard keeps a dashboard whose body is JSON with a list of widgets.
func (s *Service) PutDashboard(ctx context.Context, in *cloudwatch.PutDashboardInput) (*cloudwatch.PutDashboardOutput, error) {
	if !goodDashboard.MatchString(*in.DashboardName) {
		return nil, badDashboard("DashboardName", "a name has 1 to 255 letters, digits, dashes and underscores")
	}
	var body struct {
		Widgets []struct {
			Type       string          `json:"type"`
			Properties json.RawMessage `json:"properties"`
		} `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(*in.DashboardBody), &body); err != nil {
		return nil, badDashboard("/", "the body is not JSON of a dashboard: "+err.Error())
	}
	for _, widget := range body.Widgets {
		if !slices.Contains([]string{"metric", "text", "log", "alarm", "explorer", "custom"}, widget.Type) {
			return nil, badDashboard("/widgets", "there is no widget of the type \""+widget.Type+"\"")
		}
		if len(widget.Properties) == 0 {
			return nil, badDashboard("/widgets", "each widget needs properties")
		}
	}
	row := &dashboard{Name: *in.DashboardName, Body: *in.DashboardBody, Modified: s.now()}
	return &cloudwatch.PutDashboardOutput{DashboardValidationMessages: []types.DashboardValidationMessage{}}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := dashboards.Get(tx, cloud.Global, row.Name)
		if err != nil {
			return err
		}
		if existing != nil {
			row.Tags = existing.Tags
		}
		return dashboards.Put(tx, cloud.Global, row.Name, row)
	})
}

// GetDashboard returns a dashboard.
func (s *Service) GetDashboard(_ context.Context, in *cloudwatch.GetDashboardInput) (*cloudwatch.GetDashboardOutput, error) {
	out := &cloudwatch.GetDashboardOutput{DashboardName: in.DashboardName, DashboardArn: aws.String(dashboardARN(*in.DashboardName))}
	return out, s.store.View(func(tx *cloud.Tx) error {
		row, err := dashboards.Get(tx, cloud.Global, *in.DashboardName)
		if err == nil && row == nil {
			err = notFound("Dashboard %s does not exist", *in.DashboardName)
		}
		if err == nil {
			out.DashboardBody = &row.Body
		}
		return err
	})
}

// ListDashboards lists the dashboards.
func (s *Service) ListDashboards(_ context.Context, in *cloudwatch.ListDashboardsInput) (*cloudwatch.ListDashboardsOutput, error) {
	out := &cloudwatch.ListDashboardsOutput{DashboardEntries: []types.DashboardEntry{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := dashboards.List(tx, cloud.Global)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(d *dashboard) bool { return !strings.HasPrefix(d.Name, aws.ToString(in.DashboardNamePrefix)) })
		rows, next, err := page(all, func(d *dashboard) string { return d.Name }, in.NextToken, 1000)
		out.NextToken = next
		for _, row := range rows {
			out.DashboardEntries = append(out.DashboardEntries, types.DashboardEntry{
				DashboardName: &row.Name, DashboardArn: aws.String(dashboardARN(row.Name)), LastModified: &row.Modified, Size: aws.Int64(int64(len(row.Body))),
			})
		}
		return err
	})
}

// DeleteDashboards deletes dashboards, all or none.
func (s *Service) DeleteDashboards(_ context.Context, in *cloudwatch.DeleteDashboardsInput) (*cloudwatch.DeleteDashboardsOutput, error) {
	return &cloudwatch.DeleteDashboardsOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		for _, name := range in.DashboardNames {
			row, err := dashboards.Get(tx, cloud.Global, name)
			if err == nil && row == nil {
				err = notFound("Dashboard %s does not exist", name)
			}
			if err != nil {
				return err
			}
			if err := dashboards.Delete(tx, cloud.Global, name); err != nil {
				return err
			}
		}
		return nil
	})
}
