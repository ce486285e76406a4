package wire

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/fault"
)

// Options say what a server stands on.
type Options struct {
	Authenticator Authenticator // required
	Authorizer    Authorizer    // nil: every caller may do everything
	OnCall        func(Record)  // nil: nobody keeps a journal; called after each response, from many goroutines
	Log           *slog.Logger  // nil: the default one
	Now           func() time.Time
	// MaxBody is how long the body of a request may be that is not a stream; 0 is 8 MiB.
	MaxBody int64
	// Models loads a service's API model; nil is model.Load.
	Models func(service string) (*model.Service, error)
}

// Authenticator knows the access keys.
type Authenticator interface {
	// Authenticate returns the secret that belongs to an access key, and whose it is. It fails with ErrUnknownKey,
	// ErrExpiredToken or ErrInvalidToken.
	Authenticate(ctx context.Context, accessKeyID, sessionToken string) (secret string, principal cloud.Principal, err error)
}

// Why an access key is not accepted.
var (
	ErrUnknownKey   = errors.New("the access key is unknown")
	ErrExpiredToken = errors.New("the temporary credentials have expired")
	ErrInvalidToken = errors.New("the session token does not belong to the access key")
)

// Authorizer decides what callers may do.
type Authorizer interface {
	// Authorize returns nil when the principal of the call may make it, and otherwise an error, best a *cloud.Error:
	// the service's own code for it. The input is a pointer to the SDK's input struct.
	Authorize(ctx context.Context, call *cloud.Call, input any) error
}

// Record is an entry of the journal: one call, without anything secret.
type Record struct {
	Time      time.Time
	ID        string
	Service   string
	Operation string // empty when none was found
	Region    string
	Principal string // ARN
	SourceIP  string
	UserAgent string
	Status    int
	Code      string // of the error, empty after a success
	Message   string // of the error
	Duration  time.Duration
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBody == 0 {
		o.MaxBody = 8 << 20
	}
	if o.Models == nil {
		o.Models = model.Load
	}
}

// Deniedf returns the error for a caller who may not, which each service has its own code for.
func Deniedf(format string, args ...any) error { return fault.Newf(fault.Denied, format, args...) }
