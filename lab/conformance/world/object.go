package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// ReadObject has an instance read an object as its role, through S3's endpoint ("https://…" or "http://…"; empty is the
// region's own), and returns "ok" or the code of the error.
func (w *World) ReadObject(t *testing.T, from, endpoint, bucket, key string) string {
	t.Helper()
	output, _ := w.Shell(t, from, fmt.Sprintf("$(readlink -f /usr/sbin/mount.efs) read-object '%s' '%s' '%s'", endpoint, bucket, key))
	return strings.TrimSpace(output)
}

// readObject is what ReadObject runs on an instance.
func readObject(endpoint, bucket, key string) error {
	ctx := context.Background()
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(Region))
	if err != nil {
		return err
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.DisableLogOutputChecksumValidationSkipped = true
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	})
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	var failure smithy.APIError
	if errors.As(err, &failure) {
		fmt.Fprintln(os.Stdout, failure.ErrorCode())
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, out.Body); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ok")
	return out.Body.Close()
}
