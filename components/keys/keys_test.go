package keys_test

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/keys"
	"haven/components/recording"
)

const keyType = "aws:kms/key:Key"

func declare(args *keys.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := keys.New(ctx, name, args, opts...)
		return err
	}
}

func args() *keys.Args {
	return &keys.Args{Region: recording.Region, Account: recording.Account, Scope: "haven-test"}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args())) }

func TestEveryPurposeHasARotatingKeyAndAnAlias(t *testing.T) {
	made := recording.Must(t, declare(args()), "keys")
	require.Equal(t, map[string]int{keys.Type: 1, keyType: 5, "aws:kms/alias:Alias": 5}, made.Types())
	for _, purpose := range keys.Purposes() {
		key := made.Of(keyType)["keys-"+string(purpose)]
		require.Equal(t, true, key.Value("enableKeyRotation"))
		require.Equal(t, 30.0, key.Value("deletionWindowInDays"), "the longest time to change one's mind")
		require.False(t, key.Protect)
	}
}

func TestProtectIsPassedOn(t *testing.T) {
	a := args()
	a.Protect, a.DeletionDays = true, 7
	for name, key := range recording.Must(t, declare(a), "keys").Of(keyType) {
		require.True(t, key.Protect, name)
		require.Equal(t, 7.0, key.Value("deletionWindowInDays"))
	}
}

type statement struct {
	Sid       string
	Effect    string
	Principal map[string]any
	Condition map[string]map[string]any
}

// Whoever is not the account itself gets a key only under conditions.
func TestNobodyFromOutsideTheAccountGetsAKey(t *testing.T) {
	made := recording.Must(t, declare(args()), "keys")
	for name, key := range made.Of(keyType) {
		var policy struct{ Statement []statement }
		require.NoError(t, json.Unmarshal([]byte(key.Value("policy").(string)), &policy))
		for _, s := range policy.Statement {
			switch {
			case s.Principal["AWS"] == "arn:aws:iam::"+recording.Account+":root":
			case s.Principal["AWS"] == "*":
				require.Equal(t, recording.Account, s.Condition["StringEquals"]["kms:CallerAccount"], "%s %s", name, s.Sid)
				require.NotEmpty(t, s.Condition["StringEquals"]["kms:ViaService"], "%s %s", name, s.Sid)
			case s.Sid == "AlarmsAndEventsOfThisAccount":
				require.Equal(t, "keys-alerts", name)
				require.Equal(t, []any{"cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}, s.Principal["Service"])
				require.Equal(t, recording.Account, s.Condition["StringEquals"]["aws:SourceAccount"])
			case s.Principal["Service"] == "logs."+recording.Region+".amazonaws.com":
				require.Contains(t, s.Condition["ArnLike"]["kms:EncryptionContext:aws:logs:arn"], ":"+recording.Account+":")
			default:
				t.Errorf("%s %s: unexpected principal %v", name, s.Sid, s.Principal)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	short := args()
	short.DeletionDays = 3
	for name, test := range map[string]struct {
		args *keys.Args
		want string
	}{
		"nothing":        {nil, "args are required"},
		"empty":          {&keys.Args{}, "Region, Account and Scope are required"},
		"too short time": {short, "DeletionDays is 3: expected 7 to 30"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "keys"))
			require.ErrorContains(t, err, test.want)
			require.Empty(t, made.All())
		})
	}
}
