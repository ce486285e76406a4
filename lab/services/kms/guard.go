package kms

import (
	"fmt"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// Guard tells what a key's policy says: without its word nobody may use the key
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).
func Guard(tx *cloud.Tx, region string, question policy.Question) (policy.Guard, error) {
	found, err := find(tx, region, question.Resources[0])
	if cloud.HasCode(err, "NotFoundException") {
		return policy.Guard{}, nil // a question about no key; or the handler says what is wrong
	}
	if err != nil {
		return policy.Guard{}, err
	}
	document, err := policy.ParseResource(found.Policy)
	if err != nil {
		return policy.Guard{}, fmt.Errorf("reading the policy of %s: %w", found.arn(), err)
	}
	guard := policy.Guard{Policy: document, Decides: true, Context: map[string][]string{"kms:keyorigin": {"AWS_KMS"}, "kms:keyspec": {"SYMMETRIC_DEFAULT"}}}
	for name, value := range found.Tags {
		guard.Context["aws:resourcetag/"+strings.ToLower(name)] = []string{value}
	}
	return guard, nil
}

// Use is what a service asks of its caller before it uses a key on the caller's behalf
// (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
func Use(action, keyARN, service string, encryption map[string]string) policy.Question {
	region := strings.Split(keyARN, ":")[3]
	known := map[string][]string{
		"kms:viaservice": {service + "." + region + ".amazonaws.com"}, "kms:calleraccount": {cloud.Account}, "aws:viaawsservice": {"true"},
	}
	for name, value := range encryption {
		known["kms:encryptioncontext:"+strings.ToLower(name)] = []string{value}
		known["kms:encryptioncontextkeys"] = append(known["kms:encryptioncontextkeys"], name)
	}
	return policy.Question{Action: "kms:" + action, Resources: []string{keyARN}, Context: known}
}

// Usable returns an error of KMS unless a key is enabled.
func Usable(tx *cloud.Tx, keyARN string) error {
	found, err := find(tx, "", keyARN)
	if err != nil {
		return err
	}
	return found.usable()
}

// ARNOf tells which key a ciphertext was sealed under.
func ARNOf(tx *cloud.Tx, region, ciphertext string) (string, error) {
	id, _, err := keyIDOf([]byte(ciphertext))
	if err != nil {
		return "", err
	}
	found, err := find(tx, region, id)
	if err != nil {
		return "", err
	}
	return found.arn(), nil
}

// managedPolicy is the policy of one of AWS's own keys: everybody in the account may use it, through its service alone
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html#key-policy-aws-managed).
func managedPolicy(service, region string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"auto-%[1]s-2","Statement":[`+
		`{"Sid":"Allow access through %[1]s for all principals in the account that are authorized to use it","Effect":"Allow","Principal":{"AWS":"*"},`+
		`"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:CreateGrant","kms:DescribeKey"],"Resource":"*",`+
		`"Condition":{"StringEquals":{"kms:CallerAccount":"%[2]s","kms:ViaService":"%[1]s.%[3]s.amazonaws.com"}}},`+
		`{"Sid":"Allow direct access to key metadata to the account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%[2]s:root"},`+
		`"Action":["kms:Describe*","kms:Get*","kms:List*","kms:RevokeGrant"],"Resource":"*"}]}`, service, cloud.Account, region)
}
