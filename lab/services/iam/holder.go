package iam

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// holder is what roles, users and groups have in common: policies of their own, and attached ones.
type holder struct {
	Inline   map[string]string // document by name
	Attached []string          // ARNs, sorted
}

func (h *holder) putInline(name, document *string) error {
	if _, err := parse(document, false); err != nil {
		return err
	}
	if h.Inline == nil {
		h.Inline = map[string]string{}
	}
	h.Inline[aws.ToString(name)] = aws.ToString(document)
	return nil
}

// parse checks a document.
func parse(document *string, trust bool) (*policy.Document, error) {
	parsed, err := policy.Parse(aws.ToString(document), trust)
	if err != nil {
		return nil, cloud.Errorf("MalformedPolicyDocument", "Syntax errors in policy: %v.", err)
	}
	return parsed, nil
}

func (h *holder) inline(kind string, name *string) (*string, error) {
	document, ok := h.Inline[aws.ToString(name)]
	if !ok {
		return nil, cloud.Errorf("NoSuchEntity", "The %s policy with name %s cannot be found.", kind, aws.ToString(name))
	}
	return encoded(document), nil
}

// encoded returns a document as IAM's answers have it: percent-encoded by RFC 3986.
func encoded(document string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func (h *holder) deleteInline(kind string, name *string) error {
	if _, err := h.inline(kind, name); err != nil {
		return err
	}
	delete(h.Inline, aws.ToString(name))
	return nil
}

func (h *holder) inlineNames(marker *string, limit *int32) (listing[string], error) {
	return page(slices.Sorted(maps.Keys(h.Inline)), func(name string) string { return name }, marker, limit)
}

func (h *holder) attach(tx *cloud.Tx, policyARN *string) error {
	name := aws.ToString(policyARN)
	if _, err := findPolicy(tx, name); err != nil {
		return err
	}
	if at, attached := slices.BinarySearch(h.Attached, name); !attached {
		h.Attached = slices.Insert(h.Attached, at, name)
	}
	return nil
}

func (h *holder) detach(policyARN *string) error {
	at, attached := slices.BinarySearch(h.Attached, aws.ToString(policyARN))
	if !attached {
		return cloud.Errorf("NoSuchEntity", "Policy %s was not found.", aws.ToString(policyARN))
	}
	h.Attached = slices.Delete(h.Attached, at, at+1)
	return nil
}

func (h *holder) attached(prefix, marker *string, limit *int32) (listing[types.AttachedPolicy], error) {
	var all []types.AttachedPolicy
	for _, name := range h.Attached {
		path, short := splitARN(name)
		if strings.HasPrefix(path, aws.ToString(prefix)) {
			all = append(all, types.AttachedPolicy{PolicyArn: aws.String(name), PolicyName: aws.String(short)})
		}
	}
	return page(all, func(p types.AttachedPolicy) string { return *p.PolicyArn }, marker, limit)
}

// splitARN returns the path and the name in the ARN of an IAM resource.
func splitARN(text string) (path, name string) {
	_, resource, _ := strings.Cut(text[strings.LastIndexByte(text, ':')+1:], "/")
	at := strings.LastIndexByte(resource, '/') + 1
	return "/" + resource[:at], resource[at:]
}

// isEmpty refuses what still has policies.
func (h *holder) isEmpty() error {
	if len(h.Inline) > 0 {
		return cloud.Errorf("DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	if len(h.Attached) > 0 {
		return cloud.Errorf("DeleteConflict", "Cannot delete entity, must detach all policies first.")
	}
	return nil
}

// documents returns all of the holder's policies.
func (h *holder) documents(tx *cloud.Tx) ([]*policy.Document, error) {
	var all []*policy.Document
	for _, text := range h.Inline {
		document, err := policy.Parse(text, false)
		if err != nil {
			return nil, err
		}
		all = append(all, document)
	}
	for _, name := range h.Attached {
		found, err := findPolicy(tx, name)
		if err != nil {
			return nil, err
		}
		document, err := policy.Parse(found.document(), false)
		if err != nil {
			return nil, err
		}
		all = append(all, document)
	}
	return all, nil
}
