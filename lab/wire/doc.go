// Package wire speaks AWS's protocols: it turns HTTP requests into calls of typed Go functions and their results into
// responses that Amazon's own clients understand.
//
// A service is any value with methods like
//
//	func (s *Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error)
//
// NewServer finds them by reflection and checks them against the service's API model. A request then goes through the
// steps of the list named pipeline, in pipeline.go: whose service it is, who signed it and whether that holds, which
// operation it wants, what its input says and whether the model and the handler know all of it, whether the caller may,
// and the call itself.
//
// What the lab does not have is always an error that says so: an operation that AWS has and the lab has not, a
// parameter that the handler never reads. It is never an empty success, and never a status that clients retry.
package wire
