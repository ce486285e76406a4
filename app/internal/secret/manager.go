package secret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// fetchTimeout bounds one fetch, instance role credentials included.
const fetchTimeout = 5 * time.Second

// Manager reads the secret from AWS Secrets Manager with the instance's role.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func Manager(region, arn string) Source {
	var mu sync.Mutex
	var client *secretsmanager.Client
	connect := func(ctx context.Context) (*secretsmanager.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if client != nil {
			return client, nil
		}
		loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
		if err != nil {
			return nil, fmt.Errorf("loading the AWS configuration: %w", err)
		}
		client = secretsmanager.NewFromConfig(loaded)
		return client, nil
	}
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		client, err := connect(ctx)
		if err != nil {
			return "", err
		}
		out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(arn)})
		if err != nil {
			return "", err
		}
		if out.SecretString == nil {
			return "", errors.New("the secret is binary, not text")
		}
		return *out.SecretString, nil
	}
}
