package fis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
	"haven/lab/timeline"
)

// Instances is what experiments ask of EC2.
type Instances interface {
	DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error)
	StopInstances(ctx context.Context, in *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error)
	StartInstances(ctx context.Context, in *ec2.StartInstancesInput) (*ec2.StartInstancesOutput, error)
	RebootInstances(ctx context.Context, in *ec2.RebootInstancesInput) (*ec2.RebootInstancesOutput, error)
	TerminateInstances(ctx context.Context, in *ec2.TerminateInstancesInput) (*ec2.TerminateInstancesOutput, error)
	DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error)
	DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error)
	DescribePrefixLists(ctx context.Context, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error)
	DescribeNetworkAcls(ctx context.Context, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error)
	CreateNetworkAcl(ctx context.Context, in *ec2.CreateNetworkAclInput) (*ec2.CreateNetworkAclOutput, error)
	CreateNetworkAclEntry(ctx context.Context, in *ec2.CreateNetworkAclEntryInput) (*ec2.CreateNetworkAclEntryOutput, error)
	ReplaceNetworkAclAssociation(ctx context.Context, in *ec2.ReplaceNetworkAclAssociationInput) (*ec2.ReplaceNetworkAclAssociationOutput, error)
	DeleteNetworkAcl(ctx context.Context, in *ec2.DeleteNetworkAclInput) (*ec2.DeleteNetworkAclOutput, error)
}

// Databases is what experiments ask of RDS.
type Databases interface {
	DescribeDBClusters(ctx context.Context, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error)
	DescribeDBInstances(ctx context.Context, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error)
	FailoverDBCluster(ctx context.Context, in *rds.FailoverDBClusterInput) (*rds.FailoverDBClusterOutput, error)
	RebootDBInstance(ctx context.Context, in *rds.RebootDBInstanceInput) (*rds.RebootDBInstanceOutput, error)
}

// Commands is what experiments ask of Systems Manager.
type Commands interface {
	SendCommand(ctx context.Context, in *ssm.SendCommandInput) (*ssm.SendCommandOutput, error)
	ListCommandInvocations(ctx context.Context, in *ssm.ListCommandInvocationsInput) (*ssm.ListCommandInvocationsOutput, error)
	CancelCommand(ctx context.Context, in *ssm.CancelCommandInput) (*ssm.CancelCommandOutput, error)
}

// Alarms knows CloudWatch's alarms.
type Alarms interface {
	AlarmState(tx *cloud.Tx, region, nameOrARN string) (state cwtypes.StateValue, found bool, err error)
}

// Roles knows who may do what.
type Roles interface {
	// AssumeForService returns who acts as a role for a service, or AWS's error when the role does not trust it.
	AssumeForService(tx *cloud.Tx, roleARN, service, session string, conditions map[string][]string) (cloud.Principal, error)
	Decide(tx *cloud.Tx, who cloud.Principal, guard policy.Guard, question policy.Question) (policy.Verdict, error)
}

// Logs keeps the lines of experiments in log groups.
type Logs interface {
	Put(ctx context.Context, region, group, stream string, lines []string) error
}

// Buckets keeps the lines of experiments in objects.
type Buckets interface {
	PutLog(ctx context.Context, region, bucket, key string, content []byte) error
}

// Dependencies are what experiments work with. An action whose service is missing is refused.
type Dependencies struct {
	Instances Instances
	Databases Databases
	Commands  Commands // nil: aws:ssm:send-command is refused
	Alarms    Alarms   // nil: stop conditions by alarm are refused
	Roles     Roles
	Logs      Logs
	Buckets   Buckets
	Log       *slog.Logger
	Tell      timeline.Hook // nil: nobody is told
}

// Service is AWS Fault Injection Service.
type Service struct {
	store *cloud.Store
	deps  Dependencies
	now   func() time.Time
}

// New returns the service over a store.
func New(store *cloud.Store, dependencies Dependencies) *Service {
	if dependencies.Log == nil {
		dependencies.Log = slog.Default()
	}
	if dependencies.Tell == nil {
		dependencies.Tell = func(timeline.Event) {}
	}
	return &Service{store: store, deps: dependencies, now: time.Now}
}

func (s *Service) time() *time.Time {
	now := s.now().UTC().Truncate(time.Millisecond)
	return &now
}

func invalid(format string, args ...any) error {
	return cloud.Errorf("ValidationException", format, args...)
}

func unsupported(format string, args ...any) error {
	return cloud.Unsupportedf("ValidationException", format, args...)
}

func missing(kind, id string) error {
	return cloud.StatusErrorf(http.StatusNotFound, "ResourceNotFoundException", "The %s %s was not found.", kind, id)
}

// newID returns an id as FIS gives them: a prefix and 17 letters and digits.
func newID(prefix string) string {
	const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	id := []byte(prefix)
	for range 17 {
		id = append(id, letters[rand.IntN(len(letters))])
	}
	return string(id)
}

// digest identifies what a request asks for, so that its client token can't be used for another.
func digest(input any) (string, error) {
	raw, err := json.Marshal(input)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

// page cuts a page of a listing.
func page[T any](all []T, key func(T) string, token *string, limit *int32) (items []T, next *string, err error) {
	size := 100
	if limit != nil {
		size = int(*limit)
	}
	var after string
	if token != nil {
		after = *token
	}
	items, more, err := cloud.Page(all, key, after, size)
	if errors.Is(err, cloud.ErrBadToken) {
		return nil, nil, invalid("The next token is not valid.")
	}
	if more != "" {
		next = &more
	}
	return items, next, err
}
