package secretsmanager

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"haven/lab/cloud"
	"haven/lab/services/kms"
)

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"

	defaultKey        = "alias/aws/secretsmanager"
	maximumValue      = 65536 // bytes of one version
	minimumRecovery   = 7     // days
	defaultRecovery   = 30
	deprecatedAllowed = 100 // versions without a stage that are kept
)

// secret is one row. Its id in the table is its name.
type secret struct {
	Name        string
	ARN         string
	Description string
	KeyRef      string // what the caller named; empty: AWS's own key
	Created     time.Time
	Changed     time.Time
	Accessed    *time.Time
	Deleted     *time.Time // when it was marked for deletion
	Purge       *time.Time
	Owner       string // the managing service, such as "rds"
	Policy      string
	Tags        map[string]string
	Rotated     *time.Time
	RotateDays  int64
	Versions    []version
}

// version is one value of a secret.
type version struct {
	ID      string
	Created time.Time
	Sealed  []byte
	Binary  bool
	Stages  []string
	KeyARN  string
}

// Gone reports whether the secret is marked for deletion.
func (s *secret) Gone() bool { return s.Deleted != nil }

var secrets = cloud.NewTable[secret]("secretsmanager.secrets")

// find returns a secret by its name, its ARN, or its ARN without the random ending.
func find(tx *cloud.Tx, region, ref string) (*secret, error) {
	name := ref
	if strings.HasPrefix(ref, "arn:") {
		parts := strings.SplitN(ref, ":", 7)
		if len(parts) != 7 || parts[5] != "secret" {
			return nil, cloud.Errorf("ValidationException", "Invalid ARN: %s", ref)
		}
		region, name = parts[3], parts[6]
	}
	candidates := []string{name}
	if dash := strings.LastIndexByte(name, '-'); dash == len(name)-7 && dash > 0 {
		candidates = append(candidates, name[:dash])
	}
	for _, candidate := range candidates {
		found, err := secrets.Get(tx, region, candidate)
		if err != nil {
			return nil, err
		}
		if found != nil && (ref == found.Name || strings.HasPrefix(found.ARN, ref)) {
			return found, nil
		}
	}
	return nil, cloud.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func (s *secret) region() string { return strings.Split(s.ARN, ":")[3] }

func (s *secret) put(tx *cloud.Tx) error { return secrets.Put(tx, s.region(), s.Name, s) }

func (s *secret) live() error {
	if s.Deleted != nil {
		return cloud.Errorf("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return nil
}

// add makes a new version. The stage AWSCURRENT moves AWSPREVIOUS along; a stage is on one version only.
func (s *secret) add(tx *cloud.Tx, id string, value []byte, binary bool, stages []string) error {
	if len(value) > maximumValue {
		return cloud.Errorf("ValidationException", "The secret value has %d bytes; it has at most %d.", len(value), maximumValue)
	}
	ref := s.KeyRef
	if ref == "" {
		ref = defaultKey
	}
	sealed, keyARN, err := kms.Seal(tx, s.region(), ref, value, s.context(id))
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	s.Versions = append(s.Versions, version{ID: id, Created: now, Sealed: sealed, Binary: binary, KeyARN: keyARN})
	s.Changed = now
	for _, stage := range stages {
		s.move(stage, id)
	}
	s.prune()
	return nil
}

// context binds a sealed value to its place, as Secrets Manager does
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html).
func (s *secret) context(versionID string) map[string]string {
	return map[string]string{"SecretARN": s.ARN, "SecretVersionId": versionID}
}

func (s *secret) version(id string) *version {
	i := slices.IndexFunc(s.Versions, func(v version) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Versions[i]
}

func (s *secret) staged(stage string) *version {
	i := slices.IndexFunc(s.Versions, func(v version) bool { return slices.Contains(v.Stages, stage) })
	if i < 0 {
		return nil
	}
	return &s.Versions[i]
}

// move puts a stage on a version, off the one that had it. The version that loses AWSCURRENT becomes AWSPREVIOUS.
func (s *secret) move(stage, id string) {
	from := s.staged(stage)
	if from != nil && from.ID == id {
		return
	}
	if from != nil {
		from.Stages = without(from.Stages, stage)
		if stage == current {
			s.move(previous, from.ID)
		}
	}
	if to := s.version(id); to != nil {
		to.Stages = append(to.Stages, stage)
		slices.Sort(to.Stages)
	}
}

func without(stages []string, stage string) []string {
	return slices.DeleteFunc(slices.Clone(stages), func(s string) bool { return s == stage })
}

// prune forgets the oldest versions without a stage.
func (s *secret) prune() {
	deprecated := 0
	for i := len(s.Versions) - 1; i >= 0; i-- {
		if len(s.Versions[i].Stages) > 0 {
			continue
		}
		if deprecated++; deprecated > deprecatedAllowed {
			s.Versions = slices.Delete(s.Versions, i, i+1)
		}
	}
}

func (s *secret) open(tx *cloud.Tx, v *version) ([]byte, error) {
	return kms.Unseal(tx, s.region(), v.Sealed, s.context(v.ID))
}

func (s *secret) stages() map[string][]string {
	byVersion := map[string][]string{}
	for _, v := range s.Versions {
		if len(v.Stages) > 0 {
			byVersion[v.ID] = v.Stages
		}
	}
	return byVersion
}

func (s *secret) tags() []types.Tag {
	var tags []types.Tag
	for name, value := range s.Tags {
		tags = append(tags, types.Tag{Key: aws.String(name), Value: aws.String(value)})
	}
	slices.SortFunc(tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return tags
}
