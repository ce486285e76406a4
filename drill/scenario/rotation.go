package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

// rotationNeeds are what the rotation calls, and what RDS asks for when somebody rotates a password that it manages.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
var rotationNeeds = []string{"rds:DescribeDBClusters", "rds:ModifyDBCluster", "rds:FailoverDBCluster", "secretsmanager:DescribeSecret", "secretsmanager:RotateSecret"}

// rotation replaces the database's managed password. Connections that are open stay, so its recovery is a failover, which opens all of
// them again: whoever still has the old password is locked out then.
type rotation struct {
	stage          Stage
	writer, before string // before is the secret's version
}

func rotated(s Stage) fault.Fault { return &rotation{stage: s} }

func (r *rotation) Setup(ctx context.Context) (_ string, err error) {
	if r.writer, err = r.stage.writer(ctx); err != nil {
		return "", err
	}
	r.before, err = r.current(ctx)
	return "the password of " + r.stage.Outputs.Database.ClusterID, err
}

func (r *rotation) Inject(ctx context.Context) error {
	_, err := rds.NewFromConfig(r.stage.Config).ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &r.stage.Outputs.Database.ClusterID, RotateMasterUserPassword: aws.Bool(true), ApplyImmediately: aws.Bool(true),
	})
	return err
}

// WaitActive waits until the secret has another current version and the cluster has taken it.
func (r *rotation) WaitActive(ctx context.Context) error {
	return target.Await(ctx, "the password to be rotated", 2*time.Minute, func(ctx context.Context) error {
		version, err := r.current(ctx)
		if err != nil {
			return err
		}
		cluster, err := r.stage.Cluster(ctx)
		switch {
		case err != nil:
			return err
		case version == r.before:
			return fmt.Errorf("the secret's version is still %s", version)
		case cluster.MasterUserSecret == nil || aws.ToString(cluster.MasterUserSecret.SecretStatus) != "active":
			return fmt.Errorf("the cluster's secret is not active")
		}
		return nil
	})
}

// current is the id of the secret's current version.
func (r *rotation) current(ctx context.Context) (string, error) {
	out, err := secretsmanager.NewFromConfig(r.stage.Config).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &r.stage.Outputs.Database.SecretARN})
	if err != nil {
		return "", err
	}
	return versionOf(out.VersionIdsToStages)
}

// versionOf finds the version that has the stage AWSCURRENT.
func versionOf(stages map[string][]string) (string, error) {
	for _, id := range slices.Sorted(maps.Keys(stages)) {
		if slices.Contains(stages[id], "AWSCURRENT") {
			return id, nil
		}
	}
	return "", fmt.Errorf("the database's secret has no current version")
}

func (r *rotation) Recover(ctx context.Context) error { return r.stage.failOver(ctx) }
func (r *rotation) WaitRecovered(ctx context.Context) error {
	return r.stage.otherWriter(ctx, r.writer)
}
func (r *rotation) Cleanup(context.Context) error { return nil } // a rotated password stays

// rotationUndisturbed judges that nothing failed from the rotation until the failover.
func rotationUndisturbed(_ context.Context, _ Stage, h history.History) ([]check.Finding, error) {
	return check.Undisturbed(h, history.Injecting, history.Healing), nil
}
