package trim

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/model"
)

// scan scans a package with one file.
func scan(t *testing.T, body string) (Handlers, error) {
	dir := t.TempDir()
	head := "package x\nimport (\"context\"; \"sdk/ec2\")\ntype Service struct{}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.go"), []byte(head+body), 0o600))
	return Scan(dir)
}

const create = "func (s *Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error)"

func TestScanFollowsTheInput(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"selected":               {create + "{ _ = in.A; return f(in.B), nil }", []string{"A", "B"}},
		"a member of a member":   {create + "{ _ = in.A.X; return nil, nil }", []string{"A"}},
		"in a function":          {create + "{ return f(1, in) }; func f(n int, x *ec2.CreateVpcInput) { _ = x.C }", []string{"C"}},
		"in a method":            {create + "{ return s.f(in) }; func (s *Service) f(x *ec2.CreateVpcInput) { _ = x.C }", []string{"C"}},
		"in a generic function":  {create + "{ return f[int](in) }; func f[T any](x *ec2.CreateVpcInput) { _ = x.C }", []string{"C"}},
		"through two functions":  {create + "{ return f(in) }; func f(x T) { g(x) }; func g(y T) { _ = y.D; f(y) }", []string{"D"}},
		"in a closure":           {create + "{ do(func() { _ = in.A }); return nil, nil }", []string{"A"}},
		"shadowed in a closure":  {create + "{ do(func(in T) { _ = in.A }); return nil, nil }", []string{}},
		"compared":               {create + "{ if in == nil { return nil, nil }; return in.A, nil }", []string{"A"}},
		"another's field":        {create + "{ return T{in: 1}, nil }", []string{}},
		"not named":              {strings.Replace(create, "in *", "_ *", 1) + "{ return nil, nil }", []string{}},
		"outside of the package": {create + "{ return json.Marshal(in) }", []string{}},
	} {
		found, err := scan(t, c.body)
		require.NoError(t, err, name)
		assert.ElementsMatch(t, c.want, found["CreateVpc"], name)
	}
}

func TestScanRefusesWhatItCannotFollow(t *testing.T) {
	for name, body := range map[string]string{
		"another name": create + "{ x := in; return x.A, nil }",
		"a copy":       create + "{ x := *in; return x.A, nil }",
		"a field":      create + "{ s.last = in; return nil, nil }",
		"variadic":     create + "{ f(in); return nil, nil }; func f(all ...T) {}",
	} {
		_, err := scan(t, body)
		require.ErrorContains(t, err, "cannot tell which members", name)
	}
}

func TestScanTakesHandlersOnly(t *testing.T) {
	found, err := scan(t, `
func CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) { return nil, nil }
func (s *Service) DeleteVpc(in *ec2.DeleteVpcInput) error { return nil }
func (s *Service) ModifyVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) { return nil, nil }
func (s *Service) view(ctx context.Context, in *ec2.viewInput) (*ec2.viewOutput, error) { return nil, nil }
`)
	require.NoError(t, err)
	assert.Empty(t, found)
}

func sourceOrSkip(t *testing.T) string {
	source, err := Source()
	if err != nil {
		t.Skip("the published models are not at hand: " + err.Error())
	}
	return source
}

func TestUnknownOperationIsAnError(t *testing.T) {
	whole, err := readPublished(sourceOrSkip(t), "ec2")
	require.NoError(t, err)
	_, err = cut("ec2", whole, Handlers{"MakeCoffee": nil})
	require.ErrorContains(t, err, "AWS has no operation MakeCoffee")
}

func TestTrimmedModelHoldsWhatItNeeds(t *testing.T) {
	whole, err := readPublished(sourceOrSkip(t), "s3")
	require.NoError(t, err)
	cutDown, err := cut("s3", whole, Handlers{"CopyObject": {"Bucket", "NewerThanTheModel"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"Bucket"}, cutDown.Operations["CopyObject"].Implemented)
	assert.Equal(t, []string{"header:x-amz-copy-source"}, cutDown.Operations["CopyObject"].HTTP.Required)
	assert.Equal(t, "/{Bucket}?website", cutDown.Others["GetBucketWebsite"].RequestURI)
	assert.Contains(t, cutDown.Shapes, "CopyObjectResult")
	assert.NotContains(t, cutDown.Shapes, "ListObjectsV2Output")
	raw, err := Encode(cutDown)
	require.NoError(t, err)
	again, err := model.Decode(raw)
	require.NoError(t, err)
	second, err := Encode(again)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(raw, second), "what was written reads back the same")
}

// TestAdditionsFitThePublishedModels checks that no addition names a shape that is nowhere, or repeats one that is there.
func TestAdditionsFitThePublishedModels(t *testing.T) {
	source := sourceOrSkip(t)
	files, err := additions.ReadDir("additions")
	require.NoError(t, err)
	for _, file := range files {
		service := strings.TrimSuffix(file.Name(), ".json")
		whole, err := readPublished(source, service)
		require.NoError(t, err)
		raw, err := additions.ReadFile("additions/" + file.Name())
		require.NoError(t, err)
		var more published
		require.NoError(t, json.Unmarshal(raw, &more))
		for name, shape := range more.Shapes {
			assert.Equal(t, shape.Type == "", whole.Shapes[name] != nil, "%s %s: a new shape has a type, an amended one has none", service, name)
			for member, ref := range shape.Members {
				if whole.Shapes[name] != nil {
					assert.NotContains(t, whole.Shapes[name].Members, member, "%s %s is there already", service, name)
				}
				assert.True(t, whole.Shapes[ref.Shape] != nil || more.Shapes[ref.Shape] != nil, "%s %s.%s: no shape %s", service, name, member, ref.Shape)
			}
		}
	}
}

// TestModelsAreFresh checks that what is committed is what the generator makes of the handlers as they are now.
func TestModelsAreFresh(t *testing.T) {
	files, err := All(sourceOrSkip(t), "../../services")
	require.NoError(t, err)
	committed, err := filepath.Glob("../*.json")
	require.NoError(t, err)
	assert.Len(t, committed, len(files), "a model is missing or left over; type: go generate ./lab/model")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), "%s is stale; type: go generate ./lab/model", name)
	}
}
