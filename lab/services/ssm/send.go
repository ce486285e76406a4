package ssm

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/services/ssm/document"
)

// defaultDelivery is how long a command waits for its nodes when it does not say.
const defaultDelivery = time.Hour

// SendCommand has managed nodes run a document. It returns when the command is kept; Run delivers it.
func (s *Service) SendCommand(ctx context.Context, in *ssm.SendCommandInput) (*ssm.SendCommandOutput, error) {
	c := &command{
		ID: cloud.NewUUID(), Document: *in.DocumentName, Comment: aws.ToString(in.Comment), Parameters: in.Parameters,
		Instances: in.InstanceIds, Targets: in.Targets, MaxConcurrency: orText(in.MaxConcurrency, "50"), MaxErrors: orText(in.MaxErrors, "0"),
		Timeout: defaultDelivery, Requested: s.now().UTC(),
	}
	if in.TimeoutSeconds != nil {
		c.Timeout = time.Duration(*in.TimeoutSeconds) * time.Second
	}
	if (len(in.InstanceIds) == 0) == (len(in.Targets) == 0) {
		return nil, cloud.Errorf("ValidationException", "A command needs either InstanceIds or Targets, and not both.")
	}
	region := cloud.RegionOf(ctx)
	if there := aws.ToString(in.OutputS3Region); there != "" && there != region {
		return nil, cloud.Unsupportedf("ValidationException", "outputs to a bucket in another region (OutputS3Region %s)", there)
	}
	c.Output = output{Bucket: aws.ToString(in.OutputS3BucketName), Prefix: aws.ToString(in.OutputS3KeyPrefix)}
	if logs := in.CloudWatchOutputConfig; logs != nil && logs.CloudWatchOutputEnabled {
		c.Output.Group = orText(logs.CloudWatchLogGroupName, "/aws/ssm/"+*in.DocumentName)
	}
	var shown types.Command
	err := s.store.Update(func(tx *cloud.Tx) error {
		if err := s.prepare(tx, region, c, aws.ToString(in.DocumentVersion)); err != nil {
			return err
		}
		all := c.invocations()
		for _, i := range all {
			if err := invocations.Put(tx, region, i.key(), i); err != nil {
				return err
			}
		}
		c.sum(all)
		shown = c.show(all)
		return commands.Put(tx, region, c.ID, c)
	})
	return &ssm.SendCommandOutput{Command: &shown}, err
}

func orText(text *string, otherwise string) string {
	if aws.ToString(text) == "" {
		return otherwise
	}
	return *text
}

// prepare works out what is to be run and where.
func (s *Service) prepare(tx *cloud.Tx, region string, c *command, version string) error {
	content, number, err := s.content(tx, region, c.Document, version)
	if err != nil {
		return err
	}
	c.Version = number
	c.Work, err = content.Resolve(c.Parameters, func(name string) (string, error) { return s.plain(tx, region, name) })
	if err != nil {
		return cloud.Errorf("InvalidParameters", "The parameters are not valid: %v.", err)
	}
	managed, err := s.nodes(tx, region)
	if err != nil {
		return err
	}
	c.Nodes, err = c.choose(managed)
	return err
}

// plain returns a parameter for a reference in a document, which may not be a secret one
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-param-runcommand.html).
func (s *Service) plain(tx *cloud.Tx, region, name string) (string, error) {
	p, err := s.get(context.Background(), tx, region, name, false)
	if err != nil {
		return "", err
	}
	if p.Type == types.ParameterTypeSecureString {
		return "", cloud.Errorf("InvalidParameters", "the parameter %s is a SecureString, which documents can't refer to", name)
	}
	return *p.Value, nil
}

// choose returns the nodes that a command is for. One that is named must be there; a target may match none.
func (c *command) choose(managed []*node) ([]string, error) {
	var ids, missing []string
	for _, id := range c.Instances {
		if !slices.ContainsFunc(managed, func(n *node) bool { return n.ID == id }) {
			missing = append(missing, id)
		}
		ids = append(ids, id)
	}
	if len(missing) > 0 {
		return nil, cloud.Errorf("InvalidInstanceId", "Instances [[%s]] not in a valid state for account %s", strings.Join(missing, ", "), cloud.Account)
	}
	for _, n := range managed {
		fits := len(c.Targets) > 0
		for _, target := range c.Targets {
			matches, err := n.targeted(target)
			if err != nil {
				return nil, err
			}
			fits = fits && matches
		}
		if fits {
			ids = append(ids, n.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

var instanceKey = regexp.MustCompile(`(?i)^instanceids$`)

func (n *node) targeted(target types.Target) (bool, error) {
	key := aws.ToString(target.Key)
	if instanceKey.MatchString(key) {
		return slices.Contains(target.Values, n.ID), nil
	}
	if tag, ok := strings.CutPrefix(key, "tag:"); ok {
		value, has := n.Tags[tag]
		return has && slices.Contains(target.Values, value), nil
	}
	if key == "tag-key" {
		return slices.ContainsFunc(target.Values, func(tag string) bool { _, has := n.Tags[tag]; return has }), nil
	}
	return false, cloud.Unsupportedf("InvalidTarget", "targets by %s", key)
}

func (c *command) invocations() []*invocation {
	var all []*invocation
	for _, id := range c.Nodes {
		i := &invocation{Command: c.ID, Instance: id, Requested: c.Requested, Status: types.CommandInvocationStatusPending, Details: "Pending"}
		for _, step := range c.Work {
			i.Plugins = append(i.Plugins, plugin{Name: step.Plugin, Status: types.CommandPluginStatusPending, Details: "Pending", Code: -1})
		}
		all = append(all, i)
	}
	return all
}

// content returns a document's content in a version, and the version's number.
func (s *Service) content(tx *cloud.Tx, region, name, version string) (*document.Document, string, error) {
	if name == "AWS-RunShellScript" {
		return document.ShellScript(), "1", nil
	}
	row, err := findDocument(tx, region, name)
	if err != nil {
		return nil, "", err
	}
	v, err := row.version(version)
	if err != nil {
		return nil, "", err
	}
	content, err := document.Parse(v.Content, v.Format == types.DocumentFormatYaml)
	return content, v.Number, err
}
