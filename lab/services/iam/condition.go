package iam

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

// conditions are the global condition keys that the lab knows of a call; others count as absent
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
func (s *Service) conditions(call *cloud.Call) map[string][]string {
	now := s.now().UTC()
	known := map[string][]string{
		"aws:principalisawsservice": {"false"},
		"aws:requestedregion":       {call.Region},
		"aws:securetransport":       {strconv.FormatBool(call.Secure)},
		"aws:sourceip":              {call.SourceIP},
		"aws:useragent":             {call.UserAgent},
		"aws:currenttime":           {now.Format(time.RFC3339)},
		"aws:epochtime":             {strconv.FormatInt(now.Unix(), 10)},
		"aws:resourceaccount":       {cloud.Account},
		"aws:viaawsservice":         {"false"},
	}
	if !call.Principal.Anonymous {
		known["aws:principalarn"], known["aws:principalaccount"] = []string{call.Principal.ARN}, []string{cloud.Account}
	}
	for key, values := range known {
		if values[0] == "" {
			delete(known, key) // nothing is known of it
		}
	}
	if call.TLS != "" {
		known["s3:tlsversion"] = []string{call.TLS}
	}
	if !call.Signed.IsZero() {
		kind := "REST-HEADER"
		if call.Presigned {
			kind = "REST-QUERY-STRING"
		}
		known["s3:authtype"], known["s3:signatureversion"] = []string{kind}, []string{"AWS4-HMAC-SHA256"}
		known["s3:signatureage"] = []string{strconv.FormatInt(max(0, now.Sub(call.Signed).Milliseconds()), 10)}
	}
	return known
}

// boundaryOf returns the ARN of a permissions boundary, or "".
func boundaryOf(boundary *types.AttachedPermissionsBoundary) string {
	if boundary == nil {
		return ""
	}
	return aws.ToString(boundary.PermissionsBoundaryArn)
}

func tagMap(tags []types.Tag) map[string]string {
	all := map[string]string{}
	for _, tag := range tags {
		all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return all
}
