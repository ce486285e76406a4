package iam

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// prefixes are the services' names in actions, where they are not those of their packages.
var prefixes = map[string]string{
	"elasticloadbalancingv2": "elasticloadbalancing", "efs": "elasticfilesystem", "cloudwatchlogs": "logs",
	"networkfirewall": "network-firewall", "arczonalshift": "arc-zonal-shift",
}

// questions are what a call asks of policies: usually one thing, for some operations several.
func (s *Service) questions(tx *cloud.Tx, call *cloud.Call, input any) []policy.Question {
	in := fields{reflect.ValueOf(input).Elem()}
	prefix := prefixes[call.Service]
	if prefix == "" {
		prefix = call.Service
	}
	name := call.Operation
	if call.Service == "s3" {
		return s3Questions(name, in)
	}
	if call.Service == "kms" {
		return s.keyQuestions(tx, call.Region, name, in)
	}
	question := policy.Question{Action: prefix + ":" + name, Resources: []string{"*"}}
	var each [][]string
	switch call.Service {
	case "secretsmanager":
		question.Resources = secretNames(call.Region, in)
	case "cloudwatchlogs":
		question.Resources = logNames(call.Region, in)
	case "sns":
		question.Resources = orAll(cmp.Or(in.text("TopicArn"), in.text("TargetArn")))
	case "sts":
		question.Resources = orAll(in.text("RoleArn"))
	case "ssm":
		each = systemsManagerNames(call.Operation, call.Region, in)
	}
	if len(each) == 0 {
		return []policy.Question{question}
	}
	var questions []policy.Question
	for _, resources := range each {
		questions = append(questions, policy.Question{Action: question.Action, Resources: resources})
	}
	return questions
}

// fields reads members of an input by their names, whatever input it is.
type fields struct{ v reflect.Value }

// text returns a member that is a string, or "".
func (f fields) text(name string) string {
	field := f.v.FieldByName(name)
	if !field.IsValid() {
		return ""
	}
	if field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	if field.Kind() != reflect.String {
		return ""
	}
	return field.String()
}

func (f fields) texts(name string) []string {
	field := f.v.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[[]string]() {
		return nil
	}
	return field.Interface().([]string)
}

// texted returns a member that maps strings to strings.
func (f fields) texted(name string) map[string]string {
	field := f.v.FieldByName(name)
	if !field.IsValid() {
		return nil
	}
	pairs, _ := field.Interface().(map[string]string)
	return pairs
}

func (f fields) bytes(name string) []byte {
	field := f.v.FieldByName(name)
	if !field.IsValid() {
		return nil
	}
	raw, _ := field.Interface().([]byte)
	return raw
}

func (f fields) number(name string) (int64, bool) {
	field := f.v.FieldByName(name)
	if !field.IsValid() || field.Kind() != reflect.Pointer || field.IsNil() || !field.Elem().CanInt() {
		return 0, false
	}
	return field.Elem().Int(), true
}

func orAll(name string) []string {
	if name == "" {
		return []string{"*"}
	}
	return []string{name}
}

// secretNames returns a secret's ARN; by its name alone the six characters at its end are unknown.
func secretNames(region string, in fields) []string {
	id := in.text("SecretId")
	if id == "" || strings.HasPrefix(id, "arn:") {
		return orAll(id)
	}
	return []string{cloud.ARN("secretsmanager", region, "secret:"+id+"-??????")}
}

// keyQuestions ask for the key that a call names, or under which its ciphertext was sealed.
func (s *Service) keyQuestions(tx *cloud.Tx, region, operation string, in fields) []policy.Question {
	ask := func(action, member, context string) policy.Question {
		return policy.Question{Action: "kms:" + action, Resources: s.keyNames(tx, region, in, member), Context: encryptionContext(in.texted(context))}
	}
	if operation == "ReEncrypt" {
		return []policy.Question{
			ask("ReEncryptFrom", "SourceKeyId", "SourceEncryptionContext"), ask("ReEncryptTo", "DestinationKeyId", "DestinationEncryptionContext"),
		}
	}
	return []policy.Question{ask(operation, "KeyId", "EncryptionContext")}
}

func (s *Service) keyNames(tx *cloud.Tx, region string, in fields, member string) []string {
	ref := in.text(member)
	if blob := in.bytes("CiphertextBlob"); ref == "" && blob != nil && s.Ciphertexts != nil {
		if name, err := s.Ciphertexts(tx, region, string(blob)); err == nil {
			return []string{name}
		}
	}
	if ref == "" {
		ref = in.text("TargetKeyId") // of aliases
	}
	if ref == "" || s.keys == nil {
		return orAll("")
	}
	name, err := s.keys(tx, region, ref)
	if name == "" || err != nil && !cloud.HasCode(err, "DisabledException") && !cloud.HasCode(err, "KMSInvalidStateException") {
		return orAll(ref) // the handler says what is wrong with it
	}
	return []string{name}
}

// encryptionContext are the condition keys of an encryption context
// (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html).
func encryptionContext(pairs map[string]string) map[string][]string {
	known := map[string][]string{"kms:calleraccount": {cloud.Account}}
	for name, value := range pairs {
		known["kms:encryptioncontext:"+strings.ToLower(name)] = []string{value}
		known["kms:encryptioncontextkeys"] = append(known["kms:encryptioncontextkeys"], name)
	}
	return known
}

func logNames(region string, in fields) []string {
	group := in.text("LogGroupName")
	if group == "" {
		group = in.text("LogGroupIdentifier")
	}
	if group == "" {
		return orAll("")
	}
	name := group
	if !strings.HasPrefix(group, "arn:") {
		name = cloud.ARN("logs", region, "log-group:"+group)
	}
	name = strings.TrimSuffix(name, ":*")
	if stream := in.text("LogStreamName"); stream != "" {
		return []string{name + ":log-stream:" + stream, name + ":*"}
	}
	return []string{name, name + ":*"}
}

// parameterNames returns the names of each parameter in question; a path goes by its name with and without a slash at
// its end.
func parameterNames(region string, in fields) [][]string {
	named := func(text string) string {
		if strings.HasPrefix(text, "arn:") {
			return text
		}
		return cloud.ARN("ssm", region, "parameter/"+strings.Trim(text, "/"))
	}
	var resources [][]string
	for _, name := range slices.Concat(in.texts("Names"), []string{in.text("Name")}) {
		if name != "" {
			resources = append(resources, []string{named(name)})
		}
	}
	if path := in.text("Path"); path != "" {
		resources = append(resources, []string{named(path), named(path) + "/"})
	}
	return resources
}
