package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signingName is EFS's name in signatures.
const signingName = "elasticfilesystem"

// emptyHash is the SHA-256 of no payload.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signatureLife is how long a signed request to connect is good for.
const signatureLife = 15 * time.Minute

// Sign returns a presigned URL that proves who mounts, as mount.efs of AWS makes one for its option iam.
func Sign(ctx context.Context, who aws.Credentials, region, fileSystem, accessPoint string, at time.Time) (string, error) {
	query := url.Values{"Action": {"Connect"}, "FileSystem": {fileSystem}, "AccessPoint": {accessPoint}}
	address := url.URL{Scheme: "https", Host: signingName + "." + region + ".amazonaws.com", Path: "/", RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", fmt.Errorf("signing the request to connect: %w", err)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, who, request, emptyHash, signingName, region, at.UTC())
	if err != nil {
		return "", fmt.Errorf("signing the request to connect: %w", err)
	}
	return signed, nil
}

// Claim is what a signed request to connect says, before it is verified.
type Claim struct {
	AccessKeyID  string
	SessionToken string
	At           time.Time
}

// ReadClaim reads who signed a request to connect.
func ReadClaim(connect string) (Claim, error) {
	address, err := url.Parse(connect)
	if err != nil {
		return Claim{}, errors.New("the signed request to connect is no URL")
	}
	query := address.Query()
	at, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil {
		return Claim{}, errors.New("the signed request to connect has no date")
	}
	credential := query.Get("X-Amz-Credential")
	for i := range credential {
		if credential[i] == '/' {
			return Claim{AccessKeyID: credential[:i], SessionToken: query.Get("X-Amz-Security-Token"), At: at}, nil
		}
	}
	return Claim{}, errors.New("the signed request to connect has no credential")
}

// Verify tells whether the request to connect was signed with the secret, for this very mount, a moment ago.
func Verify(ctx context.Context, connect, secret, region string, claim Claim, fileSystem, accessPoint string, now time.Time) error {
	if age := now.Sub(claim.At); age > signatureLife || age < -signatureLife {
		return errors.New("the signed request to connect has expired")
	}
	who := aws.Credentials{AccessKeyID: claim.AccessKeyID, SecretAccessKey: secret, SessionToken: claim.SessionToken}
	expected, err := Sign(ctx, who, region, fileSystem, accessPoint, claim.At)
	if err != nil {
		return err
	}
	have, err := signatureOf(connect)
	if err != nil {
		return err
	}
	want, err := signatureOf(expected)
	if err != nil {
		return err
	}
	if have == "" || have != want {
		return errors.New("the signature of the request to connect is wrong")
	}
	return nil
}

func signatureOf(connect string) (string, error) {
	address, err := url.Parse(connect)
	if err != nil {
		return "", errors.New("the signed request to connect is no URL")
	}
	return address.Query().Get("X-Amz-Signature"), nil
}
