package acm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"haven/lab/authority"
	"haven/lab/cloud"
)

// Records tells whether a CNAME is in a public hosted zone; Route 53 implements it.
type Records interface {
	HasCNAME(tx *cloud.Tx, name, value string) (bool, error)
}

// Users tells which resources use a certificate; Elastic Load Balancing implements it.
type Users interface {
	CertificateUsers(tx *cloud.Tx, region, arn string) ([]string, error)
}

// Service answers ACM's API.
type Service struct {
	store     *cloud.Store
	authority *authority.Authority
	Records   Records // nil: no requested certificate is ever validated
	Users     Users   // nil: nothing uses certificates
}

// New returns the service over the lab's store; requested certificates are signed by the authority.
func New(store *cloud.Store, authority *authority.Authority) *Service {
	return &Service{store: store, authority: authority}
}

// Certificate returns a certificate with its chain and key, as PEM, for a balancer to serve.
func (s *Service) Certificate(tx *cloud.Tx, region, arn string) (certPEM, chainPEM, keyPEM []byte, err error) {
	found, err := find(tx, region, arn)
	if err != nil {
		return nil, nil, nil, err
	}
	if found.Status != types.CertificateStatusIssued {
		return nil, nil, nil, cloud.Errorf("UnsupportedCertificate", "The certificate %s is %s, not ISSUED.", arn, found.Status)
	}
	return found.Certificate, found.Chain, found.Key, nil
}

// ImportCertificate keeps a certificate, or replaces the one that the ARN names.
func (s *Service) ImportCertificate(ctx context.Context, in *acm.ImportCertificateInput) (*acm.ImportCertificateOutput, error) {
	leaf, err := parse(in.Certificate, in.CertificateChain, in.PrivateKey)
	if err != nil {
		return nil, err
	}
	if in.CertificateArn != nil && len(in.Tags) > 0 {
		return nil, cloud.Errorf("ValidationException", "You cannot specify tags when re-importing a certificate. Use AddTagsToCertificate.")
	}
	region := cloud.RegionOf(ctx)
	var kept *certificate
	err = s.store.Update(func(tx *cloud.Tx) error {
		if kept, err = s.toImport(tx, region, in); err != nil {
			return err
		}
		now := time.Now().UTC()
		kept.Imported, kept.Status = &now, types.CertificateStatusIssued
		kept.Certificate, kept.Chain, kept.Key = in.Certificate, in.CertificateChain, in.PrivateKey
		kept.Domain, kept.Names = leaf.Subject.CommonName, leaf.DNSNames
		if kept.Domain == "" && len(leaf.DNSNames) > 0 {
			kept.Domain = leaf.DNSNames[0]
		}
		return certificates.Put(tx, region, kept.ARN, kept)
	})
	if err != nil {
		return nil, err
	}
	return &acm.ImportCertificateOutput{CertificateArn: aws.String(kept.ARN)}, nil
}

func (s *Service) toImport(tx *cloud.Tx, region string, in *acm.ImportCertificateInput) (*certificate, error) {
	if in.CertificateArn != nil {
		found, err := find(tx, region, *in.CertificateArn)
		if err == nil && found.Type != types.CertificateTypeImported {
			err = cloud.Errorf("ValidationException", "Certificate %s was not imported; it can't be replaced by an import.", found.ARN)
		}
		return found, err
	}
	made := newCertificate(region, types.CertificateTypeImported)
	return made, addTags(made, in.Tags)
}

func newCertificate(region string, kind types.CertificateType) *certificate {
	return &certificate{
		ARN: cloud.ARN("acm", region, "certificate/"+cloud.NewUUID()), Region: region, Type: kind, Created: time.Now().UTC(),
		Tags: map[string]string{}, Logging: types.CertificateTransparencyLoggingPreferenceEnabled,
	}
}

// RequestCertificate asks for a certificate that DNS records will validate.
func (s *Service) RequestCertificate(ctx context.Context, in *acm.RequestCertificateInput) (*acm.RequestCertificateOutput, error) {
	if err := checkRequest(in); err != nil {
		return nil, err
	}
	region, token := cloud.RegionOf(ctx), aws.ToString(in.IdempotencyToken)
	var made *certificate
	err := s.store.Update(func(tx *cloud.Tx) error {
		earlier, err := byToken(tx, region, token, aws.ToString(in.DomainName))
		if err != nil || earlier != nil {
			made = earlier
			return err
		}
		made = request(region, in)
		if err := addTags(made, in.Tags); err != nil {
			return err
		}
		return certificates.Put(tx, region, made.ARN, made)
	})
	if err != nil {
		return nil, err
	}
	return &acm.RequestCertificateOutput{CertificateArn: aws.String(made.ARN)}, nil
}

func checkRequest(in *acm.RequestCertificateInput) error {
	switch {
	case in.ValidationMethod != types.ValidationMethodDns:
		return cloud.Unsupportedf("ValidationException", "validation method %q; ask for DNS", in.ValidationMethod)
	case in.KeyAlgorithm != "" && in.KeyAlgorithm != types.KeyAlgorithmEcPrime256v1 && in.KeyAlgorithm != types.KeyAlgorithmRsa2048:
		return cloud.Unsupportedf("ValidationException", "key algorithm %s", in.KeyAlgorithm)
	}
	return nil
}

func byToken(tx *cloud.Tx, region, token, domain string) (*certificate, error) {
	if token == "" {
		return nil, nil
	}
	all, err := certificates.List(tx, region)
	for _, c := range all {
		if c.Token == token && c.Domain == domain {
			return c, nil
		}
	}
	return nil, err
}

func request(region string, in *acm.RequestCertificateInput) *certificate {
	made := newCertificate(region, types.CertificateTypeAmazonIssued)
	made.Domain, made.Token, made.Status = aws.ToString(in.DomainName), aws.ToString(in.IdempotencyToken), types.CertificateStatusPendingValidation
	made.Names = append([]string{made.Domain}, slices.DeleteFunc(slices.Clone(in.SubjectAlternativeNames), func(name string) bool { return name == made.Domain })...)
	if in.Options != nil && in.Options.CertificateTransparencyLoggingPreference != "" {
		made.Logging = in.Options.CertificateTransparencyLoggingPreference
	}
	made.Validation = map[string]record{}
	for _, name := range made.Names {
		made.Validation[name] = proofOf(name)
	}
	return made
}

// proofOf derives the validation record from account and domain, so that it is the same for each request, as in AWS
// (https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html).
func proofOf(name string) record {
	base := strings.TrimPrefix(name, "*.")
	sum := sha256.Sum256([]byte(cloud.Account + "/" + base))
	digits := hex.EncodeToString(sum[:])
	return record{Name: "_" + digits[:32] + "." + base + ".", Value: "_" + digits[32:] + ".acm-validations.aws."}
}

// DescribeCertificate tells everything but the key. A pending request whose records are there is issued now.
func (s *Service) DescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	var detail *types.CertificateDetail
	err := s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), aws.ToString(in.CertificateArn))
		if err != nil {
			return err
		}
		if err := s.issueIfValidated(tx, found); err != nil {
			return err
		}
		detail = found.describe()
		detail.InUseBy, err = s.users(tx, found)
		return err
	})
	return &acm.DescribeCertificateOutput{Certificate: detail}, err
}

func (s *Service) issueIfValidated(tx *cloud.Tx, found *certificate) error {
	if found.Status != types.CertificateStatusPendingValidation || s.Records == nil {
		return nil
	}
	for _, proof := range found.Validation {
		present, err := s.Records.HasCNAME(tx, proof.Name, proof.Value)
		if err != nil || !present {
			return err
		}
	}
	certPEM, keyPEM, err := s.authority.Issue(found.Names, nil)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	found.Certificate, found.Key, found.Chain = certPEM, keyPEM, s.authority.CertificatePEM()
	found.Status, found.Issued = types.CertificateStatusIssued, &now
	return certificates.Put(tx, found.Region, found.ARN, found)
}

func (s *Service) users(tx *cloud.Tx, found *certificate) ([]string, error) {
	if s.Users == nil {
		return nil, nil
	}
	return s.Users.CertificateUsers(tx, found.Region, found.ARN)
}

// GetCertificate returns the certificate and its chain.
func (s *Service) GetCertificate(ctx context.Context, in *acm.GetCertificateInput) (*acm.GetCertificateOutput, error) {
	found, err := s.view(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if found.Status != types.CertificateStatusIssued {
		return nil, cloud.Errorf("RequestInProgressException", "The certificate is not issued yet.")
	}
	return &acm.GetCertificateOutput{Certificate: aws.String(string(found.Certificate)), CertificateChain: aws.String(string(found.Chain))}, nil
}

func (s *Service) view(ctx context.Context, arn *string) (found *certificate, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err = find(tx, cloud.RegionOf(ctx), aws.ToString(arn))
		return err
	})
	return found, err
}

// ListCertificates returns the region's certificates.
func (s *Service) ListCertificates(ctx context.Context, in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	var all []*certificate
	err := s.store.View(func(tx *cloud.Tx) error {
		rows, err := certificates.List(tx, cloud.RegionOf(ctx))
		for _, row := range rows {
			if len(in.CertificateStatuses) == 0 || slices.Contains(in.CertificateStatuses, row.Status) {
				all = append(all, row)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	most := 1000
	if in.MaxItems != nil {
		most = int(*in.MaxItems)
	}
	page, next, err := cloud.Page(all, func(c *certificate) string { return c.ARN }, aws.ToString(in.NextToken), most)
	if err != nil {
		return nil, cloud.Errorf("InvalidArgsException", "%v", err)
	}
	out := &acm.ListCertificatesOutput{}
	if next != "" {
		out.NextToken = &next
	}
	for _, c := range page {
		out.CertificateSummaryList = append(out.CertificateSummaryList, types.CertificateSummary{
			CertificateArn: aws.String(c.ARN), DomainName: aws.String(c.Domain), Status: c.Status, Type: c.Type, SubjectAlternativeNameSummaries: c.Names, CreatedAt: &c.Created,
		})
	}
	return out, nil
}

// DeleteCertificate forgets a certificate that nothing uses.
func (s *Service) DeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput) (*acm.DeleteCertificateOutput, error) {
	return &acm.DeleteCertificateOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), aws.ToString(in.CertificateArn))
		if err != nil {
			return err
		}
		users, err := s.users(tx, found)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return cloud.Errorf("ResourceInUseException", "Certificate %s is in use by %s.", found.ARN, strings.Join(users, ", "))
		}
		return certificates.Delete(tx, found.Region, found.ARN)
	})
}

// change applies one change to a certificate.
func (s *Service) change(ctx context.Context, arn *string, apply func(*certificate) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), aws.ToString(arn))
		if err != nil {
			return err
		}
		if err := apply(found); err != nil {
			return err
		}
		return certificates.Put(tx, found.Region, found.ARN, found)
	})
}

// UpdateCertificateOptions records the transparency logging preference.
func (s *Service) UpdateCertificateOptions(ctx context.Context, in *acm.UpdateCertificateOptionsInput) (*acm.UpdateCertificateOptionsOutput, error) {
	return &acm.UpdateCertificateOptionsOutput{}, s.change(ctx, in.CertificateArn, func(c *certificate) error {
		if c.Type != types.CertificateTypeAmazonIssued {
			return cloud.Errorf("InvalidStateException", "Options of an imported certificate can't be changed.")
		}
		if in.Options != nil {
			c.Logging = in.Options.CertificateTransparencyLoggingPreference
		}
		return nil
	})
}

const maximumTags = 50

func addTags(c *certificate, tags []types.Tag) error {
	for _, tag := range tags {
		c.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if len(c.Tags) > maximumTags {
		return cloud.Errorf("TooManyTagsException", "A certificate has at most %d tags; this one would have %d.", maximumTags, len(c.Tags))
	}
	return nil
}

// AddTagsToCertificate adds tags or replaces their values.
func (s *Service) AddTagsToCertificate(ctx context.Context, in *acm.AddTagsToCertificateInput) (*acm.AddTagsToCertificateOutput, error) {
	return &acm.AddTagsToCertificateOutput{}, s.change(ctx, in.CertificateArn, func(c *certificate) error { return addTags(c, in.Tags) })
}

// RemoveTagsFromCertificate removes tags by key, or by key and value.
func (s *Service) RemoveTagsFromCertificate(ctx context.Context, in *acm.RemoveTagsFromCertificateInput) (*acm.RemoveTagsFromCertificateOutput, error) {
	return &acm.RemoveTagsFromCertificateOutput{}, s.change(ctx, in.CertificateArn, func(c *certificate) error {
		for _, tag := range in.Tags {
			if name := aws.ToString(tag.Key); tag.Value == nil || c.Tags[name] == *tag.Value {
				delete(c.Tags, name)
			}
		}
		return nil
	})
}

// ListTagsForCertificate returns a certificate's tags.
func (s *Service) ListTagsForCertificate(ctx context.Context, in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput, error) {
	found, err := s.view(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := &acm.ListTagsForCertificateOutput{}
	for _, name := range slices.Sorted(maps.Keys(found.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(name), Value: aws.String(found.Tags[name])})
	}
	return out, nil
}
