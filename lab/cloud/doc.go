// Package cloud is what every service of the lab stands on: the call that is being answered, AWS's errors,
// regions and their zones, identifiers, and one durable store.
//
// A service is a plain struct. Each exported method of the form
//
//	func (s *Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error)
//
// whose name is an operation of the service's API model is served under that name; the types are the SDK's own
// (aws-sdk-go-v2), so a field is always named after the API's member. Handlers know no HTTP: package wire decodes
// the input from, and encodes the output to, whatever protocol the service speaks.
package cloud
