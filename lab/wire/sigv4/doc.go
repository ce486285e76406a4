// Package sigv4 verifies AWS signatures, version 4
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html): in the Authorization
// header, and in the query of a presigned URL. It reads no bodies: the caller says what the body's hash is.
package sigv4
