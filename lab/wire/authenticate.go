package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"haven/lab/wire/internal/fault"
	"haven/lab/wire/sigv4"
)

// authenticate checks who signed the request.
func (x *exchange) authenticate() error {
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
	return nil
}

// payloadHash returns the hash of the body that should have been signed.
func (x *exchange) payloadHash() (string, error) {
	if err := x.readWhole(); err != nil {
		return "", err
	}
	return sigv4.Hash(x.request.Body), nil
}

// readWhole reads a body that is not a stream.
func (x *exchange) readWhole() error {
	limit := x.server.options.MaxBody
	if x.request.ContentLength > limit {
		return tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.answer, x.request.Request.Body, limit))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return tooLarge(limit)
	}
	if err != nil {
		return fault.Newf(fault.Malformed, "The body could not be read whole.")
	}
	x.request.Body = body
	return nil
}

func tooLarge(limit int64) error {
	return fault.Newf(fault.TooLarge, "The request's body is longer than the %d bytes that are allowed.", limit)
}
