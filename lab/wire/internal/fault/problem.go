package fault

import "fmt"

// Kind is a sort of problem.
type Kind int

// What can be wrong with a request.
const (
	Malformed              Kind = iota // cannot be parsed
	TooLarge                           // the body is longer than the service takes
	UnknownOperation                   // AWS has no such operation
	UnimplementedOperation             // AWS has it, the lab has not
	UnknownParameter                   // AWS has no such parameter
	UnimplementedParameter             // AWS has it, the lab has not
	MissingParameter
	InvalidValue     // not of the parameter's kind, not in its enumeration, too long, out of range
	DigestMismatch   // the body is not what its checksum says
	MissingSignature // nobody signed
	BadCredentials   // the signature's form is wrong
	UnknownKey       // no such access key
	ExpiredToken     // the temporary credentials are over
	BadToken         // the session token is not the key's
	BadSignature
	Expired     // signed too long ago, or in the future
	WrongRegion // the scope names a region that is not there
	Denied      // the caller may not
	DryRun      // would have succeeded
	Internal
)

// Problem is an error in a request.
type Problem struct {
	Kind    Kind
	Message string
}

// Error tells what is wrong.
func (p *Problem) Error() string { return p.Message }

// Newf returns a problem.
func Newf(kind Kind, format string, args ...any) *Problem {
	return &Problem{kind, fmt.Sprintf(format, args...)}
}
