package bind

import (
	"errors"
	"fmt"

	"haven/lab/wire/internal/fault"
)

// UnknownMember is the problem of a member that AWS does not have.
func UnknownMember(path string) error {
	return fault.Newf(fault.UnknownParameter, "The parameter %s is not recognized: AWS, as the lab knows it, has no such parameter.", path)
}

// WrongKind is the problem of a value that is not of its member's kind.
func WrongKind(path string, f *Field) error {
	return fault.Newf(fault.InvalidValue, "The value of parameter %s is not a valid %s.", path, f.Shape.Type)
}

// ErrDepth is the problem of a value that is nested deeper than any model.
var ErrDepth = fault.Newf(fault.Malformed, "The request is nested too deeply.")

// IsProblem reports whether an error says what is wrong with a request.
func IsProblem(err error) (*fault.Problem, bool) {
	var problem *fault.Problem
	ok := errors.As(err, &problem)
	return problem, ok
}

// At returns the path of a list's element.
func At(path string, index int) string { return fmt.Sprintf("%s.%d", path, index+1) }

// Join returns the path of a member.
func Join(path, member string) string {
	if path == "" {
		return member
	}
	return path + "." + member
}
