package elasticloadbalancingv2_test

import awsacm "github.com/aws/aws-sdk-go-v2/service/acm"

func importInput(certificate, key []byte) *awsacm.ImportCertificateInput {
	return &awsacm.ImportCertificateInput{Certificate: certificate, PrivateKey: key}
}
