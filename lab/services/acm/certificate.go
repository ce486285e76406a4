package acm

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"haven/lab/cloud"
)

// certificate is one row.
type certificate struct {
	ARN         string
	Region      string
	Type        types.CertificateType
	Status      types.CertificateStatus
	Domain      string
	Names       []string
	Certificate []byte // PEM
	Chain       []byte // PEM
	Key         []byte // PEM; no operation returns it
	Created     time.Time
	Imported    *time.Time
	Issued      *time.Time
	Logging     types.CertificateTransparencyLoggingPreference
	Tags        map[string]string
	Token       string // idempotency token of the request
	Validation  map[string]record
}

// record is the CNAME that proves control over a domain.
type record struct{ Name, Value string }

var certificates = cloud.NewTable[certificate]("acm.certificates")

func find(tx *cloud.Tx, region, arn string) (*certificate, error) {
	found, err := certificates.Get(tx, region, arn)
	if err == nil && found == nil {
		err = cloud.Errorf("ResourceNotFoundException", "Could not find certificate %s.", arn)
	}
	return found, err
}

// parse checks a certificate with its key and chain as ImportCertificate does, and returns the leaf.
func parse(certPEM, chainPEM, keyPEM []byte) (*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, cloud.Errorf("ValidationException", "The certificate and its private key do not fit: %v", err)
	}
	if len(pair.Certificate) != 1 {
		return nil, cloud.Errorf("ValidationException", "The certificate field contains more than one certificate. You can specify only one; put the others into the chain.")
	}
	leaf := pair.Leaf
	if now := time.Now(); now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		return nil, cloud.Errorf("ValidationException", "The certificate is valid from %s to %s, not now.", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	if err := checkChain(leaf, chainPEM); err != nil {
		return nil, cloud.Errorf("ValidationException", "Could not validate the certificate with the certificate chain: %v", err)
	}
	return leaf, nil
}

func checkChain(leaf *x509.Certificate, chainPEM []byte) error {
	if len(chainPEM) == 0 {
		return nil
	}
	child := leaf
	for rest := chainPEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		parent, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if err := child.CheckSignatureFrom(parent); err != nil {
			return fmt.Errorf("%s is not signed by %s: %w", child.Subject, parent.Subject, err)
		}
		child = parent
	}
	if child == leaf {
		return errors.New("the chain holds no certificate")
	}
	return nil
}

// describe fills what the certificate itself tells.
func (c *certificate) describe() *types.CertificateDetail {
	detail := &types.CertificateDetail{
		CertificateArn: aws.String(c.ARN), DomainName: aws.String(c.Domain), SubjectAlternativeNames: c.Names, Status: c.Status, Type: c.Type,
		CreatedAt: &c.Created, ImportedAt: c.Imported, IssuedAt: c.Issued, RenewalEligibility: types.RenewalEligibilityIneligible,
		Options: &types.CertificateOptions{CertificateTransparencyLoggingPreference: c.Logging},
	}
	if c.Type == types.CertificateTypeAmazonIssued {
		detail.DomainValidationOptions = c.validations()
	}
	block, _ := pem.Decode(c.Certificate)
	if block == nil {
		return detail
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return detail
	}
	detail.NotBefore, detail.NotAfter = &leaf.NotBefore, &leaf.NotAfter
	detail.Issuer, detail.Subject = aws.String(leaf.Issuer.CommonName), aws.String(leaf.Subject.String())
	detail.Serial, detail.SignatureAlgorithm = aws.String(serial(leaf)), aws.String(strings.ToUpper(leaf.SignatureAlgorithm.String()))
	detail.KeyAlgorithm = keyAlgorithm(leaf)
	return detail
}

func serial(leaf *x509.Certificate) string {
	var pairs []string
	for _, b := range leaf.SerialNumber.Bytes() {
		pairs = append(pairs, fmt.Sprintf("%02x", b))
	}
	return strings.Join(pairs, ":")
}

func keyAlgorithm(leaf *x509.Certificate) types.KeyAlgorithm {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return types.KeyAlgorithm(fmt.Sprintf("RSA_%d", key.N.BitLen()))
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return types.KeyAlgorithmEcPrime256v1
		case 384:
			return types.KeyAlgorithmEcSecp384r1
		default:
			return types.KeyAlgorithmEcSecp521r1
		}
	}
	return ""
}

func (c *certificate) validations() []types.DomainValidation {
	var all []types.DomainValidation
	status := types.DomainStatusPendingValidation
	if c.Status == types.CertificateStatusIssued {
		status = types.DomainStatusSuccess
	}
	for _, name := range c.Names {
		proof := c.Validation[name]
		all = append(all, types.DomainValidation{
			DomainName: aws.String(name), ValidationDomain: aws.String(name), ValidationMethod: types.ValidationMethodDns, ValidationStatus: status,
			ResourceRecord: &types.ResourceRecord{Name: aws.String(proof.Name), Value: aws.String(proof.Value), Type: types.RecordTypeCname},
		})
	}
	return all
}
