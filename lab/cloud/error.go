package cloud

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an error as AWS's APIs return it; package wire envelopes it for each protocol.
type Error struct {
	Code    string            // AWS's own code, such as "InvalidVpcID.NotFound"
	Message string            // for people
	Status  int               // HTTP status
	Detail  map[string]string // further members of the error's shape, such as S3's BucketName
}

// Error tells code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is reports whether the target is an error of the same code.
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.Code == e.Code
}

// Errorf returns a client error (400) with AWS's code.
func Errorf(code, format string, args ...any) *Error {
	return StatusErrorf(http.StatusBadRequest, code, format, args...)
}

// StatusErrorf returns an error with AWS's code and a status of its own.
func StatusErrorf(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

// Unsupportedf says that AWS knows this but the lab does not: always a loud error, never an empty success.
// The code is the one that the service itself uses for a request that it does not support.
func Unsupportedf(code, format string, args ...any) *Error {
	return Errorf(code, "The lab does not implement this: "+format, args...)
}

// HasCode reports whether err is an API error with the code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
