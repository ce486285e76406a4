package acm_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/stretchr/testify/require"

	"haven/lab/authority"
	"haven/lab/cloud"
	lab "haven/lab/services/acm"
	"haven/lab/wire/wiretest"
)

type fixture struct {
	client    *acm.Client
	service   *lab.Service
	store     *cloud.Store
	authority *authority.Authority
}

func open(t *testing.T) fixture {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	service := lab.New(store, ca)
	return fixture{acm.NewFromConfig(wiretest.New(t, map[string]any{"acm": service})), service, store, ca}
}

func TestAnImportedCertificateIsServedWithItsKey(t *testing.T) {
	f, ctx := open(t), context.Background()
	certPEM, keyPEM, err := f.authority.Issue([]string{"www.haven.test", "haven.test"}, nil)
	require.NoError(t, err)
	made, err := f.client.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: certPEM, PrivateKey: keyPEM, CertificateChain: f.authority.CertificatePEM()})
	require.NoError(t, err)
	described, err := f.client.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: made.CertificateArn})
	require.NoError(t, err)
	require.Equal(t, "www.haven.test", *described.Certificate.DomainName)
	require.Equal(t, []string{"www.haven.test", "haven.test"}, described.Certificate.SubjectAlternativeNames)
	require.Equal(t, types.CertificateStatusIssued, described.Certificate.Status)
	require.Equal(t, types.KeyAlgorithmEcPrime256v1, described.Certificate.KeyAlgorithm)

	require.NoError(t, f.store.View(func(tx *cloud.Tx) error {
		_, chain, key, err := f.service.Certificate(tx, "us-east-1", *made.CertificateArn)
		require.NoError(t, err)
		require.Equal(t, keyPEM, key)
		require.Equal(t, f.authority.CertificatePEM(), chain)
		return nil
	}))
}

func TestBadImportsAreRefused(t *testing.T) {
	f, ctx := open(t), context.Background()
	certPEM, keyPEM, err := f.authority.Issue([]string{"a.test"}, nil)
	require.NoError(t, err)
	_, otherKey, err := f.authority.Issue([]string{"b.test"}, nil)
	require.NoError(t, err)
	stranger, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	for name, in := range map[string]*acm.ImportCertificateInput{
		"another key":       {Certificate: certPEM, PrivateKey: otherKey},
		"another authority": {Certificate: certPEM, PrivateKey: keyPEM, CertificateChain: stranger.CertificatePEM()},
		"garbage":           {Certificate: []byte("x"), PrivateKey: keyPEM},
	} {
		_, err := f.client.ImportCertificate(ctx, in)
		require.ErrorContains(t, err, "ValidationException", name)
	}
}

type records map[string]string

func (r records) HasCNAME(_ *cloud.Tx, name, value string) (bool, error) {
	return r[name] == value, nil
}

func TestARequestIsIssuedOnceItsRecordsAreThere(t *testing.T) {
	f, ctx := open(t), context.Background()
	zone := records{}
	f.service.Records = zone
	made, err := f.client.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: aws.String("app.test"), ValidationMethod: types.ValidationMethodDns})
	require.NoError(t, err)
	describe := func() *types.CertificateDetail {
		out, err := f.client.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: made.CertificateArn})
		require.NoError(t, err)
		return out.Certificate
	}
	pending := describe()
	require.Equal(t, types.CertificateStatusPendingValidation, pending.Status)
	proof := pending.DomainValidationOptions[0].ResourceRecord
	zone[*proof.Name] = *proof.Value
	require.Equal(t, types.CertificateStatusIssued, describe().Status)
}

type users []string

func (u users) CertificateUsers(*cloud.Tx, string, string) ([]string, error) { return u, nil }

func TestACertificateInUseStays(t *testing.T) {
	f, ctx := open(t), context.Background()
	certPEM, keyPEM, err := f.authority.Issue([]string{"a.test"}, nil)
	require.NoError(t, err)
	made, err := f.client.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: certPEM, PrivateKey: keyPEM})
	require.NoError(t, err)
	f.service.Users = users{"arn:aws:elasticloadbalancing:…"}
	var inUse *types.ResourceInUseException
	_, err = f.client.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: made.CertificateArn})
	require.ErrorAs(t, err, &inUse)
	f.service.Users = users{}
	_, err = f.client.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: made.CertificateArn})
	require.NoError(t, err)
	var missing *types.ResourceNotFoundException
	_, err = f.client.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: made.CertificateArn})
	require.ErrorAs(t, err, &missing)
}
