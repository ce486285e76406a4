package certificate_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/certificate"
	"haven/components/recording"
)

func declare(args *certificate.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := certificate.New(ctx, name, args, opts...)
		return err
	}
}

func imported() *certificate.Args {
	return &certificate.Args{Site: "www.example.com", Import: &certificate.Imported{
		Certificate: pulumi.String("leaf"), PrivateKey: pulumi.String("private"), Chain: pulumi.String("chain"),
	}}
}

func requested() *certificate.Args {
	return &certificate.Args{Site: "www.example.com", HostedZone: pulumi.String("Z1")}
}

func TestImported(t *testing.T)  { recording.Component(t, declare(imported())) }
func TestRequested(t *testing.T) { recording.Component(t, declare(requested())) }

func TestAnImportedKeyIsASecret(t *testing.T) {
	made := recording.Must(t, declare(imported()), "site")
	leaf := made.Of("aws:acm/certificate:Certificate")["site"]
	require.True(t, leaf.Secret("privateKey"), "the key must not be in the state in clear")
	require.Equal(t, "leaf", leaf.Value("certificateBody"))
	require.Equal(t, "chain", leaf.Value("certificateChain"))
	require.Nil(t, leaf.Value("domainName"))
	require.Empty(t, made.Of("aws:route53/record:Record"))
}

func TestARequestedCertificateIsProvedByDNS(t *testing.T) {
	made := recording.Must(t, declare(requested()), "site")
	require.Equal(t, "DNS", made.Of("aws:acm/certificate:Certificate")["site"].Value("validationMethod"))
	record := made.Of("aws:route53/record:Record")["site"]
	require.Equal(t, "_proof.example", record.Value("name"))
	require.Equal(t, []any{"_value.example"}, record.Value("records"))
	require.Equal(t, "Z1", record.Value("zoneId"))
	require.Len(t, made.Of("aws:acm/certificateValidation:CertificateValidation"), 1)
}

func TestNewRefuses(t *testing.T) {
	both := imported()
	both.HostedZone = pulumi.String("Z1")
	for name, test := range map[string]struct {
		args *certificate.Args
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&certificate.Args{}, []string{"Site is required", "exactly one of Import and HostedZone"}},
		"both":    {both, []string{"exactly one of Import and HostedZone"}},
		"parts":   {&certificate.Args{Site: "a", Import: &certificate.Imported{}}, []string{"Import needs Certificate, PrivateKey and Chain"}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "site"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
