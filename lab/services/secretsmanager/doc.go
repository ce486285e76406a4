// Package secretsmanager is AWS Secrets Manager: versioned secrets with staging labels, sealed under their KMS key.
// Secrets that another service manages, such as a database's master password, are made and rotated by that service
// through this package. Rotation by a Lambda function and replication to other regions are refused.
package secretsmanager
