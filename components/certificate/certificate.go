// Package certificate declares the certificate that clients of the site see:
// either one that was made elsewhere and is imported, or one that ACM issues
// after the site's owner has proved control of its DNS zone.
package certificate

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/acm"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "haven:certificate:Certificate"

// Imported is a certificate made elsewhere, all parts in PEM.
type Imported struct {
	Certificate pulumi.StringInput
	PrivateKey  pulumi.StringInput // a secret; never in plain text in the state
	Chain       pulumi.StringInput
}

// Args configures a certificate: exactly one of Import and HostedZone is set.
type Args struct {
	// Required.
	Site string // the host name

	// One of these.
	Import     *Imported
	HostedZone pulumi.StringInput // id of the public zone in which control is proved
}

// Certificate is the site's certificate.
type Certificate struct {
	pulumi.ResourceState

	ARN pulumi.StringOutput // the balancer: resolves once the certificate can be used
}

func (a *Args) validate() error {
	var problems []error
	if a.Site == "" {
		problems = append(problems, errors.New("Site is required"))
	}
	if (a.Import == nil) == (a.HostedZone == nil) {
		problems = append(problems, errors.New("exactly one of Import and HostedZone is required"))
	}
	if a.Import != nil && (a.Import.Certificate == nil || a.Import.PrivateKey == nil || a.Import.Chain == nil) {
		problems = append(problems, errors.New("Import needs Certificate, PrivateKey and Chain"))
	}
	return errors.Join(problems...)
}

// New declares the certificate.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Certificate, error) {
	if args == nil {
		return nil, fmt.Errorf("creating certificate %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating certificate %s: %w", name, err)
	}
	made := &Certificate{}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering certificate %s: %w", name, err)
	}
	get := request
	if args.Import != nil {
		get = imported
	}
	arn, err := get(ctx, name, args, pulumi.Parent(made))
	if err != nil {
		return nil, err
	}
	made.ARN = arn
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"arn": made.ARN}); err != nil {
		return nil, fmt.Errorf("registering the outputs of certificate %s: %w", name, err)
	}
	return made, nil
}

func imported(ctx *pulumi.Context, name string, args *Args, child pulumi.ResourceOption) (pulumi.StringOutput, error) {
	certificate, err := acm.NewCertificate(ctx, name, &acm.CertificateArgs{
		CertificateBody:  args.Import.Certificate.ToStringOutput(),
		PrivateKey:       pulumi.ToSecret(args.Import.PrivateKey).(pulumi.StringOutput),
		CertificateChain: args.Import.Chain.ToStringOutput(),
		Tags:             pulumi.StringMap{"Name": pulumi.String(args.Site)},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("importing certificate %s: %w", name, err)
	}
	return certificate.Arn, nil
}

func request(ctx *pulumi.Context, name string, args *Args, child pulumi.ResourceOption) (pulumi.StringOutput, error) {
	certificate, err := acm.NewCertificate(ctx, name, &acm.CertificateArgs{
		DomainName:       pulumi.String(args.Site),
		ValidationMethod: pulumi.String("DNS"),
		Tags:             pulumi.StringMap{"Name": pulumi.String(args.Site)},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("requesting certificate %s: %w", name, err)
	}
	proof := certificate.DomainValidationOptions.Index(pulumi.Int(0))
	record, err := route53.NewRecord(ctx, name, &route53.RecordArgs{
		ZoneId:  args.HostedZone,
		Name:    proof.ResourceRecordName().Elem(),
		Type:    proof.ResourceRecordType().Elem(),
		Records: pulumi.StringArray{proof.ResourceRecordValue().Elem()},
		Ttl:     pulumi.Int(60),
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("proving control of the zone for certificate %s: %w", name, err)
	}
	valid, err := acm.NewCertificateValidation(ctx, name, &acm.CertificateValidationArgs{
		CertificateArn: certificate.Arn, ValidationRecordFqdns: pulumi.StringArray{record.Fqdn},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("waiting for certificate %s: %w", name, err)
	}
	return valid.CertificateArn, nil
}
