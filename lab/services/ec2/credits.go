package ec2

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// credits returns how an instance of the type is charged for bursts: T3 and T4g are unlimited unless it is said otherwise
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode-concepts.html).
func (t instanceType) credits(wanted *types.CreditSpecification) string {
	if !t.family.burstable {
		return ""
	}
	if wanted == nil {
		return "unlimited"
	}
	return cmp.Or(aws.ToString(wanted.CpuCredits), "unlimited")
}
