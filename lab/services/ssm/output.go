package ssm

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/services/ec2"
	"haven/lab/services/iam/policy"
	"haven/lab/services/ssm/document"
)

// How much of outputs is shown
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html, API_CommandPlugin.html).
const (
	mostStdout = 24000
	mostStderr = 8000
	mostOutput = 2500
	cutMark    = "--output truncated--"
)

// cut shows the beginning of an output, and that it is only that.
func cut(text []byte, most int) string {
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most-len(cutMark)]) + cutMark
}

// Objects keeps objects; the s3 service implements it.
type Objects interface {
	PutObject(ctx context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error)
}

// Logs keeps lines of log groups; the cloudwatchlogs service implements it.
type Logs interface {
	CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error)
	Put(ctx context.Context, region, group, stream string, lines []string) error
}

// folderOf is where a plugin's outputs lie: below the command's folder in the node and in S3.
func folderOf(plugin string) string {
	if plugin == document.RunShellScript {
		return "awsrunShellScript/0.awsrunShellScript"
	}
	return "awsrunShellScript/" + plugin
}

// prefixOf is the key below which a node's outputs of a step are in S3.
func (c *command) prefixOf(instance, plugin string) string {
	return path.Join(c.Output.Prefix, c.ID, instance, folderOf(plugin))
}

// deliver puts outputs where the command wants them, with the rights of the instance's role. What fails is told in the
// plugin's error output, as the agent does, and fails nothing.
func (s *Service) deliver(region string, c *command, n ec2.ManagedNode, step document.Work, p *plugin, result machine.ScriptResult) {
	for name, text := range map[string][]byte{"stdout": result.Stdout, "stderr": result.Stderr} {
		if len(text) == 0 {
			continue
		}
		if err := s.toS3(region, c, n, step, name, text); err != nil {
			p.Stderr += fmt.Sprintf("\nfailed to upload %s to S3: %v", name, err)
		}
		if err := s.toLogs(region, c, n, step, name, text); err != nil {
			p.Stderr += fmt.Sprintf("\nfailed to send %s to CloudWatch Logs: %v", name, err)
		}
	}
}

func (s *Service) toS3(region string, c *command, n ec2.ManagedNode, step document.Work, name string, text []byte) error {
	if c.Output.Bucket == "" {
		return nil
	}
	if s.objects == nil {
		return fmt.Errorf("this lab runs without S3")
	}
	key := c.prefixOf(n.ID, step.Plugin) + "/" + name
	ctx := actingFor(context.Background(), region, n)
	if err := s.ask(ctx, "s3:PutObject", "arn:aws:s3:::"+c.Output.Bucket+"/"+key); err != nil {
		return err
	}
	_, err := s.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(c.Output.Bucket), Key: aws.String(key), Body: bytes.NewReader(text)})
	return err
}

func (s *Service) toLogs(region string, c *command, n ec2.ManagedNode, step document.Work, name string, text []byte) error {
	if c.Output.Group == "" {
		return nil
	}
	if s.logs == nil {
		return fmt.Errorf("this lab runs without CloudWatch Logs")
	}
	ctx := actingFor(context.Background(), region, n)
	group := cloud.ARN("logs", region, "log-group:"+c.Output.Group)
	stream := path.Join(c.ID, n.ID, strings.ReplaceAll(step.Plugin, ":", "-"), name)
	for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
		if err := s.ask(ctx, action, group+":log-stream:"+stream, group+":*"); err != nil {
			return err
		}
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	err := s.logs.Put(ctx, region, c.Output.Group, stream, lines)
	if err == nil || s.ask(ctx, "logs:CreateLogGroup", group, group+":*") != nil {
		return err
	}
	if _, err := s.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(c.Output.Group)}); err != nil {
		return err
	}
	return s.logs.Put(ctx, region, c.Output.Group, stream, lines)
}

func (s *Service) ask(ctx context.Context, action string, resources ...string) error {
	if s.permissions == nil {
		return nil
	}
	return s.store.View(func(tx *cloud.Tx) error {
		return s.permissions.Ask(ctx, tx, policy.Question{Action: action, Resources: resources})
	})
}
