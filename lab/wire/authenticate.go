package wire

import (
	"errors"
	"fmt"

	"haven/lab/cloud"
	"haven/lab/wire/internal/fault"
)

// authenticate checks who signed the request.
func (x *exchange) authenticate() error {
	if x.signature == nil { // identify lets such requests pass to S3, and SNS's links
		x.call.Principal = cloud.Principal{ARN: "anonymous", Anonymous: true}
		return nil
	}
	secret, principal, err := x.server.options.Authenticator.Authenticate(x.ctx, x.signature.AccessKeyID, x.signature.Token)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return fault.Newf(fault.UnknownKey, "The security token included in the request is invalid: the lab knows no access key of that id.")
	case errors.Is(err, ErrExpiredToken):
		return fault.Newf(fault.ExpiredToken, "The security token included in the request is expired.")
	case errors.Is(err, ErrInvalidToken):
		return fault.Newf(fault.BadToken, "The security token included in the request is invalid: it does not belong to the access key.")
	case err != nil:
		return fmt.Errorf("authenticating: %w", err)
	}
	if now := x.server.options.Now(); !x.signature.Fresh(now) {
		return fault.Newf(fault.Expired, "Signature expired or not yet valid: signed at %s, the lab's time is %s.",
			x.signature.HeaderTime(), now.UTC().Format("20060102T150405Z"))
	}
	hash, err := x.payloadHash()
	if err != nil {
		return err
	}
	if !x.signature.Verify(x.request.Request, secret, hash) {
		return fault.Newf(fault.BadSignature, "The request signature we calculated does not match the signature you provided. "+
			"Check your secret access key and signing method.")
	}
	x.call.Principal = principal
	x.secret = secret
	return x.inflate()
}
