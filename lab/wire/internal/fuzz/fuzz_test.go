// Package fuzz fuzzes the whole server. It is a package of its own, without EC2's SDK, which takes minutes to compile for
// a fuzzer:
//
//	go test -fuzz FuzzServer ./lab/wire/internal/fuzz
package fuzz

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/wire"
	"haven/lab/wire/internal/fakes/cloudwatch"
	"haven/lab/wire/internal/fakes/efs"
	"haven/lab/wire/internal/fakes/iam"
	"haven/lab/wire/internal/fakes/kms"
	"haven/lab/wire/internal/fakes/route53"
	"haven/lab/wire/internal/fakes/s3"
	"haven/lab/wire/internal/handmade"
	"haven/lab/wire/wiretest"
)

func newServer(t testing.TB) *wire.Server {
	server, err := wire.NewServer(wire.Options{Authenticator: wiretest.Operator{}, Models: wiretest.ModelsOf(t, "../fakes")}, map[string]any{
		"iam": &iam.Service{}, "kms": &kms.Service{}, "efs": &efs.Service{}, "route53": &route53.Service{}, "s3": s3.New(),
		"cloudwatch": &cloudwatch.Service{},
	})
	require.NoError(t, err)
	return server
}

// FuzzServer sends signed requests with any method, path, headers and body to every protocol: whatever comes, the
// caller is told that it is to blame, or is answered.
func FuzzServer(f *testing.F) {
	f.Add("iam", "POST", "/", "", "Action=CreateRole&Version=2010-05-08&RoleName=a&Tags.member.1.Key=a")
	f.Add("kms", "POST", "/", "TrentService.Encrypt", `{"KeyId":"k","Plaintext":"AA==","EncryptionContext":{"a":"b"}}`)
	f.Add("elasticfilesystem", "POST", "/2015-02-01/file-systems", "", `{"CreationToken":"a","Tags":[{"Key":"a"}]}`)
	f.Add("route53", "POST", "/2013-04-01/hostedzone/Z/rrset", "", `<r><ChangeBatch><Changes><Change><Action>UPSERT</Action></Change></Changes></ChangeBatch></r>`)
	f.Add("s3", "PUT", "/b/k?x-id=PutObject", "", "body")
	f.Add("s3", "POST", "/b?delete", "", "<Delete><Object><Key>a</Key></Object></Delete>")
	f.Add("monitoring", "POST", "/service/x/operation/PutMetricData", "rpc-v2-cbor", "\xa1\x69Namespace\x61n")
	server := newServer(f)
	f.Fuzz(func(t *testing.T, scope, method, target, protocol, body string) {
		switch scope {
		case "iam", "kms", "elasticfilesystem", "route53", "s3", "monitoring":
		default:
			t.Skip()
		}
		if _, err := http.NewRequest(method, "http://h"+target, nil); err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \t\r\n#") {
			t.Skip()
		}
		headers := map[string]string{}
		if protocol == "rpc-v2-cbor" {
			headers["Smithy-Protocol"] = protocol
		} else if protocol != "" {
			headers["X-Amz-Target"] = protocol
		}
		answer := handmade.Request{Scope: scope, Method: method, Target: target, Headers: headers, Body: body}.Do(t, server)
		if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Fatalf("%d: %s", answer.Code, answer.Body)
		}
	})
}
