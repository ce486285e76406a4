package iam

import (
	"strings"

	"haven/lab/cloud"
)

// systemsManagerNames returns what an operation of Systems Manager asks for: documents, what commands run and where they
// run, or parameters; each must be allowed
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html).
func systemsManagerNames(operation, region string, in fields) [][]string {
	switch {
	case operation == "SendCommand":
		names := [][]string{{documentName(region, in.text("DocumentName"))}}
		for _, id := range in.texts("InstanceIds") {
			names = append(names, []string{cloud.ARN("ec2", region, "instance/"+id)})
		}
		return names
	case strings.Contains(operation, "Document") && in.text("Name") != "":
		return [][]string{{documentName(region, in.text("Name"))}}
	}
	return parameterNames(region, in)
}

// documentName is a document's ARN; Amazon's own are of no account.
func documentName(region, name string) string {
	switch {
	case strings.HasPrefix(name, "arn:"):
		return name
	case strings.HasPrefix(name, "AWS"):
		return strings.Replace(cloud.ARN("ssm", region, "document/"+name), ":"+cloud.Account+":", "::", 1)
	}
	return cloud.ARN("ssm", region, "document/"+name)
}
