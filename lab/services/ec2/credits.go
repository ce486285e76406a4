package ec2

import (
	"cmp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// baselines are the shares of a processor that a burstable type's vCPUs earn
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html#burstable-performance-instances-credit-table).
var baselines = map[string]float64{"nano": 0.05, "micro": 0.10, "small": 0.20, "medium": 0.20, "large": 0.30, "xlarge": 0.40, "2xlarge": 0.40}

// baseline is 0 for a type that is not burstable.
func (t instanceType) baseline() float64 {
	if !t.family.burstable {
		return 0
	}
	_, size, _ := strings.Cut(t.name, ".")
	return baselines[size]
}

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
