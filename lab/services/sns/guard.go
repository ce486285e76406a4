package sns

import (
	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// Guard tells what a topic's own policy says; the default one leaves it to the account's identity policies.
func Guard(tx *cloud.Tx, region string, question policy.Question) (policy.Guard, error) {
	found, err := findTopic(tx, region, question.Resources[0])
	if err != nil || found.Attributes["Policy"] == "" {
		return policy.Guard{}, nil // the handler says what is wrong with the topic
	}
	document, err := policy.ParseResource(found.Attributes["Policy"])
	if err != nil {
		return policy.Guard{}, nil // one without statements, which says nothing
	}
	return policy.Guard{Policy: document, Context: map[string][]string{"aws:sourceowner": {cloud.Account}}}, nil
}
