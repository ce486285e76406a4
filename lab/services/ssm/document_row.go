package ssm

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/services/ssm/document"
)

// documentRow is a document of the account with its versions, the oldest first.
type documentRow struct {
	Name     string
	Default  string // a version's number
	Target   string
	Tags     []types.Tag
	Versions []documentVersion
}

type documentVersion struct {
	Number  string
	Name    string
	Format  types.DocumentFormat
	Content string
	Created time.Time
	Author  string
}

var documents = cloud.NewTable[documentRow]("ssm.documents")

func documentARN(region, name string) string {
	return cloud.ARN("ssm", region, "document/"+name)
}

// findDocument returns a document by its name or ARN.
func findDocument(tx *cloud.Tx, region, name string) (*documentRow, error) {
	row, err := documents.Get(tx, region, strings.TrimPrefix(name, documentARN(region, "")))
	switch {
	case err != nil:
		return nil, err
	case row == nil && strings.HasPrefix(name, "AWS"):
		return nil, cloud.Unsupportedf("InvalidDocument", "Amazon's own document %s; of those the lab has AWS-RunShellScript", name)
	case row == nil:
		return nil, cloud.Errorf("InvalidDocument", "Document with name %s does not exist.", name)
	}
	return row, nil
}

// version returns the version that a selector names: a number, $LATEST, $DEFAULT or, when it is empty, the default.
func (d *documentRow) version(selector string) (*documentVersion, error) {
	switch selector {
	case "$LATEST":
		return d.latest(), nil
	case "", "$DEFAULT":
		selector = d.Default
	}
	at := slices.IndexFunc(d.Versions, func(v documentVersion) bool { return v.Number == selector })
	if at < 0 {
		return nil, cloud.Errorf("InvalidDocumentVersion", "The document %s has no version %s.", d.Name, selector)
	}
	return &d.Versions[at], nil
}

// named returns the version that is meant by a selector and, if that is given, a version's name.
func (d *documentRow) named(selector, name *string) (*documentVersion, error) {
	if aws.ToString(name) == "" {
		return d.version(aws.ToString(selector))
	}
	at := slices.IndexFunc(d.Versions, func(v documentVersion) bool { return v.Name == *name })
	if at < 0 {
		return nil, cloud.Errorf("InvalidDocumentVersion", "The document %s has no version named %s.", d.Name, *name)
	}
	return &d.Versions[at], nil
}

func (d *documentRow) latest() *documentVersion { return &d.Versions[len(d.Versions)-1] }

// add appends a version, whose content must be one that the lab can run.
func (d *documentRow) add(v documentVersion) error {
	if v.Format == "" {
		v.Format = types.DocumentFormatJson
	}
	if v.Format == types.DocumentFormatText {
		return cloud.Unsupportedf("InvalidDocumentContent", "documents in the format TEXT")
	}
	if _, err := document.Parse(v.Content, v.Format == types.DocumentFormatYaml); err != nil {
		return cloud.Errorf("InvalidDocumentContent", "The document %s is not valid: %v.", d.Name, err)
	}
	v.Number = strconv.Itoa(len(d.Versions) + 1)
	d.Versions = append(d.Versions, v)
	return nil
}

func (v *documentVersion) hash() string {
	sum := sha256.Sum256([]byte(v.Content))
	return hex.EncodeToString(sum[:])
}

// describe describes a version of the document.
func (d *documentRow) describe(v *documentVersion) *types.DocumentDescription {
	content, err := document.Parse(v.Content, v.Format == types.DocumentFormatYaml)
	if err != nil {
		content = &document.Document{} // it was checked when it came in
	}
	described := &types.DocumentDescription{
		Name: aws.String(d.Name), Owner: aws.String(cloud.Account), Author: notEmpty(v.Author), CreatedDate: aws.Time(v.Created),
		DocumentType: types.DocumentTypeCommand, DocumentFormat: v.Format, DocumentVersion: aws.String(v.Number), VersionName: notEmpty(v.Name),
		DefaultVersion: aws.String(d.Default), LatestVersion: aws.String(d.latest().Number), SchemaVersion: aws.String(content.SchemaVersion),
		Description: notEmpty(content.Description), Hash: aws.String(v.hash()), HashType: types.DocumentHashTypeSha256, Status: types.DocumentStatusActive,
		PlatformTypes: []types.PlatformType{types.PlatformTypeLinux, types.PlatformTypeMacos}, Tags: d.Tags, TargetType: notEmpty(d.Target),
	}
	for _, name := range slices.Sorted(maps.Keys(content.Parameters)) {
		p := content.Parameters[name]
		shown := types.DocumentParameter{Name: aws.String(name), Type: types.DocumentParameterTypeString, Description: notEmpty(p.Description)}
		if p.Type == "StringList" {
			shown.Type = types.DocumentParameterTypeStringList
		}
		if text := p.DefaultText(); text != "" {
			shown.DefaultValue = aws.String(text)
		}
		described.Parameters = append(described.Parameters, shown)
	}
	return described
}
