// Package handmade sends requests that a test writes by hand, signed as Amazon's clients sign.
package handmade

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/sigv4"
)

// Request is a request; what is left out is as usual: a POST to "/" in us-east-1, signed now by the operator.
type Request struct {
	Scope, Method, Target, Body string
	Headers                     map[string]string
	Region                      string
	At                          time.Time
	Unsigned                    bool
}

// Do hands the request to a server, without a network.
func (q Request) Do(t testing.TB, server http.Handler) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, q.Sign(t))
	return answer
}

// Sign returns the request as a server sees it.
func (q Request) Sign(t testing.TB) *http.Request {
	r := httptest.NewRequest(cmp.Or(q.Method, "POST"), cmp.Or(q.Target, "/"), strings.NewReader(q.Body))
	hash := sigv4.Hash([]byte(q.Body))
	if q.Scope == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	for name, value := range q.Headers {
		r.Header.Set(name, value)
	}
	if !q.Unsigned {
		q.sign(t, r, cmp.Or(r.Header.Get("X-Amz-Content-Sha256"), hash))
	}
	return r
}

func (q Request) sign(t testing.TB, r *http.Request, hash string) {
	at := q.At
	if at.IsZero() {
		at = time.Now()
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = q.Scope == "s3" })
	credentials := aws.Credentials{AccessKeyID: "lab", SecretAccessKey: "lab"}
	target := r.RequestURI
	r.RequestURI = ""
	require.NoError(t, signer.SignHTTP(context.Background(), credentials, r, hash, q.Scope, cmp.Or(q.Region, "us-east-1"), at))
	r.RequestURI = target
}
