package cloud

import (
	"context"
	"time"
)

// Account is the identifier of the lab's only account.
const Account = "000000000000"

// Partition is the partition that every ARN of the lab names.
const Partition = "aws"

// Call is one API request: who asks for what, and where. Wire puts it into the handler's context.
type Call struct {
	ID        string    // request id, as AWS returns it in x-amzn-RequestId
	Service   string    // the model's name, such as "ec2"
	Operation string    // such as "CreateVpc"
	Region    string    // from the signature's scope
	Principal Principal // who signed
	SourceIP  string    // the caller's address
	UserAgent string
	Host      string // the Host header, without port
	Secure    bool   // whether it came over TLS, or by the host's loopback, which stands for AWS's TLS endpoints
	TLS       string // the version, such as "1.3"; empty without TLS
	Presigned bool   // signed in the URL
	Signed    time.Time
	// VPC and Interface tell the VPC endpoint that the call came through: the VPC alone is a gateway endpoint's.
	VPC, Interface string
}

// Principal is the identity that signed a call.
type Principal struct {
	AccessKeyID string
	// ARN is "arn:aws:iam::000000000000:root" for the operator's keys, and an assumed-role ARN for an instance.
	ARN string
	// Role is the name of the assumed role, empty for the operator, whose calls are never refused.
	Role string
	// Session is the role session's name: for an instance its id.
	Session string
	// Policies narrow a session: documents that were given when the role was assumed.
	Policies []string
	// Anonymous callers have signed nothing; only S3 hears them, and SNS by its links.
	Anonymous bool
}

type callKey struct{}

// WithCall returns a context that carries the call.
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallFrom returns the call that a handler is answering. A context without one is a programming error.
func CallFrom(ctx context.Context) *Call {
	call, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		panic("cloud: the context carries no call; wrap it with cloud.WithCall")
	}
	return call
}

// CallIn is CallFrom for what may also work for the lab itself, outside of any call.
func CallIn(ctx context.Context) (*Call, bool) {
	call, ok := ctx.Value(callKey{}).(*Call)
	return call, ok
}

// RegionOf returns the region that the context's call is addressed to.
func RegionOf(ctx context.Context) string { return CallFrom(ctx).Region }
