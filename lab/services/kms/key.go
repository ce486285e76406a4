package kms

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"haven/lab/cloud"
)

const (
	defaultWindowDays   = 30 // ScheduleKeyDeletion: 7 to 30, default 30
	minimumWindowDays   = 7
	defaultRotationDays = 365 // EnableKeyRotation: 90 to 2560, default 365
)

// key is one row: a KMS key in one region.
type key struct {
	ID          string
	Region      string
	Created     time.Time
	Description string
	State       types.KeyState
	Manager     types.KeyManagerType
	Policy      string
	Tags        map[string]string
	Rotation    bool
	RotationDay int32
	Deletion    *time.Time
	WindowDays  int32
	Material    []byte
	Primary     string   // of a multi-Region key: the primary's region
	Replicas    []string // of a primary: the other regions
}

// Gone reports whether the key only waits for its deletion.
func (k *key) Gone() bool { return k.State == types.KeyStatePendingDeletion }

func (k *key) multiRegion() bool { return k.Primary != "" }

func (k *key) arn() string { return cloud.ARN("kms", k.Region, "key/"+k.ID) }

type alias struct {
	Name    string // with the prefix "alias/"
	KeyID   string
	Created time.Time
	Updated time.Time
}

func (a *alias) arn(region string) string { return cloud.ARN("kms", region, a.Name) }

var (
	keys    = cloud.NewTable[key]("kms.keys")
	aliases = cloud.NewTable[alias]("kms.aliases")
)

// awsManaged are the aliases of the keys that AWS makes in an account when a service first needs one.
var awsManaged = map[string]bool{
	"alias/aws/ebs": true, "alias/aws/rds": true, "alias/aws/s3": true, "alias/aws/secretsmanager": true, "alias/aws/ssm": true,
	"alias/aws/elasticfilesystem": true, "alias/aws/backup": true, "alias/aws/sns": true, "alias/aws/acm": true,
}

// managedKey is kept apart from the account's own keys: it does not count as the account's resource.
var managedKeys = cloud.NewTable[managedRow]("kms.managed")

type managedRow struct{ Key key }

// Gone is always true: AWS's own keys are not the account's.
func (*managedRow) Gone() bool { return true }

// find resolves a key id, key ARN, alias name or alias ARN, in the caller's region or, with an ARN, in its own.
func find(tx *cloud.Tx, region, ref string) (*key, error) {
	if rest, ok := strings.CutPrefix(ref, "arn:"+cloud.Partition+":kms:"); ok {
		parts := strings.SplitN(rest, ":", 3)
		if len(parts) != 3 || parts[1] != cloud.Account {
			return nil, cloud.Errorf("NotFoundException", "Invalid arn %s", ref)
		}
		region, ref = parts[0], strings.TrimPrefix(parts[2], "key/")
	}
	if strings.HasPrefix(ref, "alias/") {
		return findAlias(tx, region, ref)
	}
	found, err := keys.Get(tx, region, ref)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return findManaged(tx, region, ref)
	}
	return found, nil
}

func findManaged(tx *cloud.Tx, region, id string) (*key, error) {
	managed, err := managedKeys.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, row := range managed {
		if row.Key.ID == id {
			return &row.Key, nil
		}
	}
	return nil, cloud.Errorf("NotFoundException", "Key '%s' does not exist", cloud.ARN("kms", region, "key/"+id))
}

func findAlias(tx *cloud.Tx, region, name string) (*key, error) {
	if managed, err := managedKeys.Get(tx, region, name); err != nil || managed != nil {
		if err != nil {
			return nil, err
		}
		return &managed.Key, nil
	}
	found, err := aliases.Get(tx, region, name)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, cloud.Errorf("NotFoundException", "Alias %s is not found.", cloud.ARN("kms", region, name))
	}
	return find(tx, region, found.KeyID)
}

// usable returns an error unless the key is enabled.
func (k *key) usable() error {
	switch k.State {
	case types.KeyStateEnabled:
		return nil
	case types.KeyStateDisabled:
		return cloud.Errorf("DisabledException", "%s is disabled.", k.arn())
	default:
		return k.stateError()
	}
}

func (k *key) stateError() error {
	if k.State == types.KeyStatePendingDeletion {
		return cloud.Errorf("KMSInvalidStateException", "%s is pending deletion.", k.arn())
	}
	return cloud.Errorf("KMSInvalidStateException", "%s is not in a valid state for this operation: %s.", k.arn(), k.State)
}

func newKey(region string, manager types.KeyManagerType) *key {
	material := make([]byte, 32)
	rand.Read(material) // never fails, by its contract
	return &key{
		ID: cloud.NewUUID(), Region: region, Created: time.Now().UTC(), State: types.KeyStateEnabled, Manager: manager,
		Policy: defaultPolicy(), Tags: map[string]string{}, Material: material,
	}
}

// defaultPolicy is the one that a key made by the API gets
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
func defaultPolicy() string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"kms:*","Resource":"*"}]}`, cloud.Partition, cloud.Account)
}

func (k *key) metadata() *types.KeyMetadata {
	m := &types.KeyMetadata{
		KeyId: aws.String(k.ID), AWSAccountId: aws.String(cloud.Account), Arn: aws.String(k.arn()), CreationDate: &k.Created,
		Description: aws.String(k.Description), Enabled: k.State == types.KeyStateEnabled, KeyState: k.State, KeyManager: k.Manager,
		KeyUsage: types.KeyUsageTypeEncryptDecrypt, KeySpec: types.KeySpecSymmetricDefault,
		CustomerMasterKeySpec: types.CustomerMasterKeySpecSymmetricDefault, Origin: types.OriginTypeAwsKms,
		EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
		DeletionDate:         k.Deletion, MultiRegion: aws.Bool(k.multiRegion()),
	}
	if k.multiRegion() {
		m.MultiRegionConfiguration = k.regions()
	}
	return m
}

func (k *key) regions() *types.MultiRegionConfiguration {
	at := func(region string) types.MultiRegionKey {
		return types.MultiRegionKey{Arn: aws.String(cloud.ARN("kms", region, "key/"+k.ID)), Region: aws.String(region)}
	}
	primary := at(k.Primary)
	configuration := &types.MultiRegionConfiguration{MultiRegionKeyType: types.MultiRegionKeyTypePrimary, PrimaryKey: &primary}
	if k.Primary != k.Region {
		configuration.MultiRegionKeyType = types.MultiRegionKeyTypeReplica
	}
	for _, region := range k.Replicas {
		configuration.ReplicaKeys = append(configuration.ReplicaKeys, at(region))
	}
	return configuration
}
