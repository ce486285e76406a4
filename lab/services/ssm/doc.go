// Package ssm is the lab's Systems Manager, as far as Parameter Store goes: parameters with versions, labels and tags,
// SecureString ones really encrypted under their KMS key, and the public parameters that name machine images.
package ssm
