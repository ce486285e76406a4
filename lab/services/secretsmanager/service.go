package secretsmanager

import (
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// Service answers Secrets Manager's API.
type Service struct {
	store *cloud.Store

	// Permissions is asked whether a caller may use a secret's key; nil: every caller may.
	Permissions Permissions
}

// New returns the service over the lab's store.
func New(store *cloud.Store) *Service { return &Service{store: store} }

var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

// CreateSecret makes a secret, with a first version when a value is given.
func (s *Service) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	if len(in.AddReplicaRegions) > 0 {
		return nil, cloud.Unsupportedf("InvalidRequestException", "AddReplicaRegions of CreateSecret")
	}
	value, binary, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	var made *secret
	err = s.store.Update(func(tx *cloud.Tx) error {
		if made, err = create(tx, cloud.RegionOf(ctx), aws.ToString(in.Name)); err != nil {
			return err
		}
		made.Description, made.KeyRef = aws.ToString(in.Description), aws.ToString(in.KmsKeyId)
		setTags(made, in.Tags)
		if value != nil {
			if err := s.add(ctx, tx, made, versionID(in.ClientRequestToken), value, binary, []string{current}); err != nil {
				return err
			}
		}
		return made.put(tx)
	})
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.CreateSecretOutput{ARN: aws.String(made.ARN), Name: aws.String(made.Name)}
	if v := made.staged(current); v != nil {
		out.VersionId = aws.String(v.ID)
	}
	return out, nil
}

func create(tx *cloud.Tx, region, name string) (*secret, error) {
	if !validName.MatchString(name) {
		return nil, cloud.Errorf("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	existing, err := secrets.Get(tx, region, name)
	if err != nil {
		return nil, err
	}
	if existing != nil && existing.Deleted != nil {
		return nil, cloud.Errorf("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	if existing != nil {
		return nil, cloud.Errorf("ResourceExistsException", "The operation failed because the secret %s already exists.", name)
	}
	now := time.Now().UTC()
	return &secret{
		Name: name, ARN: cloud.ARN("secretsmanager", region, "secret:"+name+"-"+cloud.RandomHex(6)),
		Created: now, Changed: now, Tags: map[string]string{},
	}, nil
}

func versionID(token *string) string {
	if token == nil {
		return cloud.NewUUID()
	}
	return *token
}

func valueOf(text *string, raw []byte) (value []byte, binary bool, err error) {
	switch {
	case text != nil && raw != nil:
		return nil, false, cloud.Errorf("InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.")
	case text != nil:
		return []byte(*text), false, nil
	default:
		return raw, true, nil
	}
}

// change applies one change to a live secret and stores it.
func (s *Service) change(ctx context.Context, ref *string, apply func(tx *cloud.Tx, found *secret) error) (found *secret, err error) {
	err = s.store.Update(func(tx *cloud.Tx) error {
		if found, err = find(tx, cloud.RegionOf(ctx), aws.ToString(ref)); err != nil {
			return err
		}
		if err := found.live(); err != nil {
			return err
		}
		if err := apply(tx, found); err != nil {
			return err
		}
		return found.put(tx)
	})
	return found, err
}

// PutSecretValue adds a version.
func (s *Service) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	value, binary, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, cloud.Errorf("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	stages := in.VersionStages
	if len(stages) == 0 {
		stages = []string{current}
	}
	id := versionID(in.ClientRequestToken)
	changed, err := s.change(ctx, in.SecretId, func(tx *cloud.Tx, found *secret) error {
		if existing := found.version(id); existing != nil {
			return sameValue(tx, found, existing, value)
		}
		return s.add(ctx, tx, found, id, value, binary, stages)
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutSecretValueOutput{
		ARN: aws.String(changed.ARN), Name: aws.String(changed.Name), VersionId: aws.String(id), VersionStages: changed.version(id).Stages,
	}, nil
}

// sameValue lets a repeated request through and refuses one that reuses a token for another value.
func sameValue(tx *cloud.Tx, found *secret, existing *version, value []byte) error {
	kept, err := found.open(tx, existing)
	if err != nil {
		return err
	}
	if string(kept) != string(value) {
		return cloud.Errorf("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", existing.ID, found.ARN)
	}
	return nil
}

// UpdateSecret changes the description, the key or the value.
func (s *Service) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	value, binary, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	id := versionID(in.ClientRequestToken)
	changed, err := s.change(ctx, in.SecretId, func(tx *cloud.Tx, found *secret) error {
		if in.Description != nil {
			found.Description = *in.Description
		}
		if in.KmsKeyId != nil {
			found.KeyRef = *in.KmsKeyId
		}
		if value == nil {
			return nil
		}
		return s.add(ctx, tx, found, id, value, binary, []string{current})
	})
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.UpdateSecretOutput{ARN: aws.String(changed.ARN), Name: aws.String(changed.Name)}
	if value != nil {
		out.VersionId = aws.String(id)
	}
	return out, nil
}

// UpdateSecretVersionStage moves a stage between versions.
func (s *Service) UpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	stage := aws.ToString(in.VersionStage)
	changed, err := s.change(ctx, in.SecretId, func(_ *cloud.Tx, found *secret) error {
		holder := found.staged(stage)
		switch {
		case holder != nil && in.RemoveFromVersionId == nil && in.MoveToVersionId != nil && holder.ID != *in.MoveToVersionId,
			holder != nil && in.RemoveFromVersionId != nil && holder.ID != *in.RemoveFromVersionId:
			return cloud.Errorf("InvalidParameterException", "The staging label %s is currently attached to version %s; name it in RemoveFromVersionId.", stage, holder.ID)
		case in.MoveToVersionId == nil && stage == current:
			return cloud.Errorf("InvalidParameterException", "You can't remove the staging label AWSCURRENT; move it to another version.")
		case in.MoveToVersionId == nil && holder != nil:
			holder.Stages = without(holder.Stages, stage)
			return nil
		case in.MoveToVersionId == nil:
			return nil
		case found.version(*in.MoveToVersionId) == nil:
			return cloud.Errorf("ResourceNotFoundException", "Secrets Manager can't find version %s of the secret.", *in.MoveToVersionId)
		}
		found.move(stage, *in.MoveToVersionId)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.UpdateSecretVersionStageOutput{ARN: aws.String(changed.ARN), Name: aws.String(changed.Name)}, nil
}

// GetSecretValue returns a version's value: AWSCURRENT unless another is asked for.
func (s *Service) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (out *secretsmanager.GetSecretValueOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), aws.ToString(in.SecretId))
		if err != nil {
			return err
		}
		if err := found.live(); err != nil {
			return err
		}
		chosen, err := choose(found, in.VersionId, in.VersionStage)
		if err != nil {
			return err
		}
		if err := s.mayUse(ctx, tx, "Decrypt", chosen.KeyARN, found.context(chosen.ID)); err != nil {
			return err
		}
		value, err := found.open(tx, chosen)
		if err != nil {
			return err
		}
		out = &secretsmanager.GetSecretValueOutput{
			ARN: aws.String(found.ARN), Name: aws.String(found.Name), CreatedDate: &chosen.Created,
			VersionId: aws.String(chosen.ID), VersionStages: chosen.Stages,
		}
		if chosen.Binary {
			out.SecretBinary = value
		} else {
			out.SecretString = aws.String(string(value))
		}
		return nil
	})
	return out, err
}

func choose(found *secret, id, stage *string) (*version, error) {
	label := current
	if stage != nil {
		label = *stage
	}
	chosen := found.staged(label)
	if id != nil {
		if chosen = found.version(*id); chosen != nil && stage != nil && found.staged(label) != chosen {
			return nil, cloud.Errorf("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
		}
		label = *id
	}
	if chosen == nil {
		return nil, cloud.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label or version: %s", label)
	}
	return chosen, nil
}

// PutResourcePolicy attaches a policy.
func (s *Service) PutResourcePolicy(ctx context.Context, in *secretsmanager.PutResourcePolicyInput) (*secretsmanager.PutResourcePolicyOutput, error) {
	document, err := policy.ParseResource(aws.ToString(in.ResourcePolicy))
	if err != nil {
		return nil, cloud.Errorf("MalformedPolicyDocumentException", "This resource policy contains a syntax error: %v.", err)
	}
	if aws.ToBool(in.BlockPublicPolicy) && document.Public() {
		return nil, cloud.Errorf("PublicPolicyException", "You can't attach this policy: it allows broad access to the secret, and BlockPublicPolicy is set.")
	}
	changed, err := s.change(ctx, in.SecretId, func(_ *cloud.Tx, found *secret) error { found.Policy = *in.ResourcePolicy; return nil })
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutResourcePolicyOutput{ARN: aws.String(changed.ARN), Name: aws.String(changed.Name)}, nil
}

// DeleteResourcePolicy detaches the policy.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *secretsmanager.DeleteResourcePolicyInput) (*secretsmanager.DeleteResourcePolicyOutput, error) {
	changed, err := s.change(ctx, in.SecretId, func(_ *cloud.Tx, found *secret) error { found.Policy = ""; return nil })
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DeleteResourcePolicyOutput{ARN: aws.String(changed.ARN), Name: aws.String(changed.Name)}, nil
}

// TagResource adds tags.
func (s *Service) TagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	_, err := s.change(ctx, in.SecretId, func(_ *cloud.Tx, found *secret) error { setTags(found, in.Tags); return nil })
	return &secretsmanager.TagResourceOutput{}, err
}

func setTags(found *secret, tags []types.Tag) {
	for _, tag := range tags {
		found.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	_, err := s.change(ctx, in.SecretId, func(_ *cloud.Tx, found *secret) error {
		for _, name := range in.TagKeys {
			delete(found.Tags, name)
		}
		return nil
	})
	return &secretsmanager.UntagResourceOutput{}, err
}
