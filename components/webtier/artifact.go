package webtier

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// File is a local file that servers fetch, with what proves that they got it.
type File struct {
	Path   string
	SHA256 string // hexadecimal
}

// versionLength is how many digits of the hash people see as the version.
const versionLength = 12

// ReadFile hashes a local file.
func ReadFile(path string) (File, error) {
	file, err := os.Open(path)
	if err != nil {
		return File{}, fmt.Errorf("reading a file to publish: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return File{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return File{Path: path, SHA256: hex.EncodeToString(hash.Sum(nil))}, nil
}

// Version is the short form of the hash.
func (f File) Version() string { return f.SHA256[:min(versionLength, len(f.SHA256))] }

// Key is the object key under which the file is published: a new build is a new
// object, so that a server of either generation finds its own while the fleet
// rolls, and a rollback finds the old one still there.
func (f File) Key(folder, name string) string { return folder + "/" + f.SHA256 + "/" + name }

// publish uploads a file under its hash and returns its s3:// address.
func (b *builder) publish(suffix string, file File, folder, name string) (pulumi.StringOutput, error) {
	key := file.Key(folder, name)
	object, err := s3.NewBucketObjectv2(b.ctx, b.name+"-"+suffix, &s3.BucketObjectv2Args{
		Bucket:      b.args.Artifacts.Bucket,
		Key:         pulumi.String(key),
		Source:      pulumi.NewFileAsset(file.Path),
		ContentType: pulumi.String("application/octet-stream"),
	}, b.child, pulumi.DependsOn(b.args.Artifacts.Ready),
		// Servers of the generation before still boot from it until the fleet has rolled.
		pulumi.RetainOnDelete(true))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("publishing %s: %w", file.Path, err)
	}
	b.bootNeeds = append(b.bootNeeds, object)
	return pulumi.Sprintf("s3://%s/%s", b.args.Artifacts.Bucket, key), nil
}
