package ssm

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/services/ssm/document"
)

var documentName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,128}$`)

// CreateDocument keeps a document of type Command.
func (s *Service) CreateDocument(ctx context.Context, in *ssm.CreateDocumentInput) (*ssm.CreateDocumentOutput, error) {
	if in.DocumentType != "" && in.DocumentType != types.DocumentTypeCommand {
		return nil, cloud.Unsupportedf("InvalidDocumentContent", "documents of type %s, only Command", in.DocumentType)
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	row := &documentRow{Name: *in.Name, Default: "1", Target: aws.ToString(in.TargetType), Tags: in.Tags}
	if !documentName.MatchString(row.Name) || strings.HasPrefix(strings.ToLower(row.Name), "aws") || strings.HasPrefix(strings.ToLower(row.Name), "amzn") {
		return nil, cloud.Errorf("ValidationException", "The document's name %q is not valid, or has a prefix that is Amazon's (aws, amazon, amzn).", row.Name)
	}
	err := row.add(documentVersion{Name: aws.ToString(in.VersionName), Format: in.DocumentFormat, Content: *in.Content, Created: s.now().UTC(), Author: author(ctx)})
	if err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	return &ssm.CreateDocumentOutput{DocumentDescription: row.describe(row.latest())}, s.store.Update(func(tx *cloud.Tx) error {
		known, err := documents.Get(tx, region, row.Name)
		if err != nil {
			return err
		}
		if known != nil {
			return cloud.Errorf("DocumentAlreadyExists", "Document with same name %s already exists", row.Name)
		}
		return documents.Put(tx, region, row.Name, row)
	})
}

func author(ctx context.Context) string { return cloud.CallFrom(ctx).Principal.ARN }

// UpdateDocument adds a version to a document; the default stays as it is.
func (s *Service) UpdateDocument(ctx context.Context, in *ssm.UpdateDocumentInput) (*ssm.UpdateDocumentOutput, error) {
	out := &ssm.UpdateDocumentOutput{}
	return out, s.changeDocument(ctx, *in.Name, func(row *documentRow) error {
		based, err := row.version(aws.ToString(in.DocumentVersion))
		if err != nil {
			return err
		}
		if row.latest().Content == *in.Content {
			return cloud.Errorf("DuplicateDocumentContent", "The content of the document is that of its latest version.")
		}
		format := in.DocumentFormat
		if format == "" {
			format = based.Format
		}
		if in.TargetType != nil {
			row.Target = *in.TargetType
		}
		err = row.add(documentVersion{Name: aws.ToString(in.VersionName), Format: format, Content: *in.Content, Created: s.now().UTC(), Author: author(ctx)})
		if err == nil {
			out.DocumentDescription = row.describe(row.latest())
		}
		return err
	})
}

func (s *Service) changeDocument(ctx context.Context, name string, change func(*documentRow) error) error {
	region := cloud.RegionOf(ctx)
	return s.store.Update(func(tx *cloud.Tx) error {
		row, err := findDocument(tx, region, name)
		if err != nil {
			return err
		}
		if err := change(row); err != nil {
			return err
		}
		return documents.Put(tx, region, row.Name, row)
	})
}

// UpdateDocumentDefaultVersion sets which version is meant when none is named.
func (s *Service) UpdateDocumentDefaultVersion(ctx context.Context, in *ssm.UpdateDocumentDefaultVersionInput) (*ssm.UpdateDocumentDefaultVersionOutput, error) {
	out := &ssm.UpdateDocumentDefaultVersionOutput{}
	return out, s.changeDocument(ctx, *in.Name, func(row *documentRow) error {
		v, err := row.version(*in.DocumentVersion)
		if err != nil {
			return err
		}
		row.Default = v.Number
		out.Description = &types.DocumentDefaultVersionDescription{Name: aws.String(row.Name), DefaultVersion: aws.String(v.Number), DefaultVersionName: notEmpty(v.Name)}
		return nil
	})
}

// viewDocument looks at a version of a document, one of Amazon's own included.
func (s *Service) viewDocument(ctx context.Context, name string, version, versionName *string, look func(*documentRow, *documentVersion)) error {
	return s.store.View(func(tx *cloud.Tx) error {
		row := amazons(name)
		if row == nil {
			var err error
			if row, err = findDocument(tx, cloud.RegionOf(ctx), name); err != nil {
				return err
			}
		}
		v, err := row.named(version, versionName)
		if err == nil {
			look(row, v)
		}
		return err
	})
}

// amazons returns one of Amazon's own documents; nil when the lab lacks it.
func amazons(name string) *documentRow {
	content, ok := document.Amazons(name)
	if !ok {
		return nil
	}
	return &documentRow{Name: name, Default: "1", Versions: []documentVersion{{Number: "1", Format: types.DocumentFormatJson, Content: content, Created: publicSince}}}
}

// DescribeDocument describes a document.
func (s *Service) DescribeDocument(ctx context.Context, in *ssm.DescribeDocumentInput) (*ssm.DescribeDocumentOutput, error) {
	out := &ssm.DescribeDocumentOutput{}
	return out, s.viewDocument(ctx, *in.Name, in.DocumentVersion, in.VersionName, func(row *documentRow, v *documentVersion) {
		out.Document = row.describe(v)
		if amazons(row.Name) != nil {
			out.Document.Owner = aws.String("Amazon")
		}
	})
}

// GetDocument returns a document's content, in the format that it was given in.
func (s *Service) GetDocument(ctx context.Context, in *ssm.GetDocumentInput) (*ssm.GetDocumentOutput, error) {
	out := &ssm.GetDocumentOutput{}
	var kept types.DocumentFormat
	err := s.viewDocument(ctx, *in.Name, in.DocumentVersion, in.VersionName, func(row *documentRow, v *documentVersion) {
		kept = v.Format
		*out = ssm.GetDocumentOutput{
			Name: aws.String(row.Name), Content: aws.String(v.Content), DocumentFormat: v.Format, DocumentType: types.DocumentTypeCommand,
			DocumentVersion: aws.String(v.Number), VersionName: notEmpty(v.Name), Status: types.DocumentStatusActive, CreatedDate: aws.Time(v.Created),
		}
	})
	if err == nil && in.DocumentFormat != "" && in.DocumentFormat != kept {
		return nil, cloud.Unsupportedf("ValidationException", "a document in %s that was given in %s", in.DocumentFormat, kept)
	}
	return out, err
}

// DeleteDocument deletes a document, with all its versions or one of them.
func (s *Service) DeleteDocument(ctx context.Context, in *ssm.DeleteDocumentInput) (*ssm.DeleteDocumentOutput, error) {
	if in.DocumentVersion != nil || in.VersionName != nil {
		return nil, cloud.Unsupportedf("ValidationException", "the deletion of one version of a document")
	}
	_ = in.Force // which matters for other types of documents
	region := cloud.RegionOf(ctx)
	return &ssm.DeleteDocumentOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		row, err := findDocument(tx, region, *in.Name)
		if err != nil {
			return err
		}
		return documents.Delete(tx, region, row.Name)
	})
}

// ListDocuments lists the account's documents.
func (s *Service) ListDocuments(ctx context.Context, in *ssm.ListDocumentsInput) (*ssm.ListDocumentsOutput, error) {
	out := &ssm.ListDocumentsOutput{DocumentIdentifiers: []types.DocumentIdentifier{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		rows, err := documents.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		page, next, err := pageOf(rows, func(d *documentRow) string { return d.Name }, in.NextToken, in.MaxResults, 50)
		out.NextToken = next
		for _, row := range page {
			described := row.describe(row.latest())
			out.DocumentIdentifiers = append(out.DocumentIdentifiers, types.DocumentIdentifier{
				Name: described.Name, Owner: described.Owner, CreatedDate: described.CreatedDate, DocumentType: described.DocumentType, Tags: row.Tags,
				DocumentFormat: described.DocumentFormat, DocumentVersion: described.DocumentVersion, SchemaVersion: described.SchemaVersion, PlatformTypes: described.PlatformTypes,
			})
		}
		return err
	})
}

// DescribeDocumentPermission tells with whom a document is shared: in a lab of one account with nobody.
func (s *Service) DescribeDocumentPermission(ctx context.Context, in *ssm.DescribeDocumentPermissionInput) (*ssm.DescribeDocumentPermissionOutput, error) {
	if in.PermissionType != types.DocumentPermissionTypeShare {
		return nil, cloud.Errorf("InvalidPermissionType", "The permission type %s is not valid: there is only Share.", in.PermissionType)
	}
	out := &ssm.DescribeDocumentPermissionOutput{AccountIds: []string{}, AccountSharingInfoList: []types.AccountSharingInfo{}}
	return out, s.viewDocument(ctx, *in.Name, nil, nil, func(*documentRow, *documentVersion) {})
}
