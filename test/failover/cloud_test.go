package failover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
	"time"

	terratest "github.com/gruntwork-io/terratest/modules/aws"
	httphelper "github.com/gruntwork-io/terratest/modules/http-helper"
	"github.com/gruntwork-io/terratest/modules/retry"

	"haven/infra/outputs"
)

// cloud is what the suite asks AWS beside the drills, and no more.
type cloud interface {
	// Servers returns the ids of a group's instances.
	Servers(ctx context.Context, group string) ([]string, error)
	// Address returns a database member's host name.
	Address(ctx context.Context, member string) (string, error)
}

// viaTerratest asks by Terratest's AWS module, which finds endpoint and credentials in the environment variables of AWS's SDK.
type viaTerratest struct {
	t      *testing.T
	region string
}

func (v viaTerratest) Servers(ctx context.Context, group string) ([]string, error) {
	return terratest.GetInstanceIdsForAsgContextE(v.t, ctx, group, v.region)
}

func (v viaTerratest) Address(ctx context.Context, member string) (string, error) {
	return terratest.GetAddressOfRdsInstanceContextE(v.t, ctx, member, v.region)
}

// missing tells what the cloud does not have of what a stack says about itself.
func missing(ctx context.Context, c cloud, o outputs.Outputs) (problems []string, err error) {
	servers, err := c.Servers(ctx, o.Web.GroupName)
	if err != nil {
		return nil, fmt.Errorf("listing the servers of %s: %w", o.Web.GroupName, err)
	}
	if len(servers) < o.Web.Min {
		problems = append(problems, fmt.Sprintf("%d of at least %d servers", len(servers), o.Web.Min))
	}
	for letter, member := range o.Database.Members {
		address, err := c.Address(ctx, member)
		if err != nil {
			return nil, fmt.Errorf("looking for the database member of zone %s: %w", letter, err)
		}
		if address == "" {
			problems = append(problems, "database member "+member+" has no address")
		}
	}
	return problems, nil
}

// reachable waits until the site answers through a node that is dialled by its own address.
func reachable(t *testing.T, url, node string, roots *x509.CertPool) error {
	_, err := retry.DoWithRetryContextE(t, t.Context(), "reaching the site", 30, 2*time.Second, func() (string, error) {
		client := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if node != "" {
			client.ServerName = hostOf(url)
			url = "https://" + node
		}
		status, body, err := httphelper.HTTPGetContextE(t, t.Context(), url+"/whoami", client)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("the site answers %d: %.80s", status, body)
		}
		return body, err
	})
	return err
}
