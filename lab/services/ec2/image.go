package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// image is one machine image of the lab's small catalogue. All of them boot the same overlay of the host.
type image struct {
	id          string
	name        string
	description string
	arch        types.ArchitectureValues
	created     string
	rootDevice  string
	rootGiB     int32
	snapshot    string
	imdsV2      bool
	parameters  []string // names of the public SSM parameters that point here
}

// amazonOwner is the account that Amazon's images belong to.
const amazonOwner = "137112412989"

// Images have the same ids in every region of the lab; in AWS they differ.
var images = []image{
	{
		id: "ami-0a1b2c3d4e5f60718", name: "al2023-ami-2023.6.20241212.0-kernel-6.1-x86_64",
		description: "Amazon Linux 2023 AMI 2023.6.20241212.0 x86_64 HVM kernel-6.1",
		arch:        types.ArchitectureValuesX8664, created: "2024-12-13T03:48:40.000Z",
		rootDevice: "/dev/xvda", rootGiB: 8, snapshot: "snap-0a1b2c3d4e5f60718", imdsV2: true,
		parameters: []string{
			"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
			"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64",
		},
	},
	{
		id: "ami-0a1b2c3d4e5f60719", name: "al2023-ami-2023.6.20241212.0-kernel-6.1-arm64",
		description: "Amazon Linux 2023 AMI 2023.6.20241212.0 arm64 HVM kernel-6.1",
		arch:        types.ArchitectureValuesArm64, created: "2024-12-13T03:48:41.000Z",
		rootDevice: "/dev/xvda", rootGiB: 8, snapshot: "snap-0a1b2c3d4e5f60719", imdsV2: true,
		parameters: []string{
			"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
			"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64",
		},
	},
}

func findImage(id string) (image, bool) {
	for _, candidate := range images {
		if candidate.id == id {
			return candidate, true
		}
	}
	return image{}, false
}

// PublicImageParameters returns the public SSM parameters that name images, as
// "/aws/service/ami-amazon-linux-latest/…": the ssm service serves them.
func PublicImageParameters() map[string]string {
	values := map[string]string{}
	for _, candidate := range images {
		for _, name := range candidate.parameters {
			values[name] = candidate.id
		}
	}
	return values
}

// resolveImageID returns the image's id; "resolve:ssm:<name>" is looked up among the public parameters and then
// among the account's own (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html).
func (s *Service) resolveImageID(tx *cloud.Tx, region, text string) (string, error) {
	if text == "" {
		return "", cloud.Errorf("MissingParameter", "The request must contain the parameter ImageId")
	}
	name, ok := strings.CutPrefix(text, "resolve:ssm:")
	if !ok {
		if !strings.HasPrefix(text, "ami-") {
			return "", cloud.Errorf("InvalidAMIID.Malformed", "Invalid id: %q (expecting \"ami-...\")", text)
		}
		return text, nil
	}
	if id, ok := PublicImageParameters()[name]; ok {
		return id, nil
	}
	if s.parameters == nil {
		return "", cloud.Errorf("InvalidParameterValue", "The SSM parameter '%s' names no image that the lab knows", name)
	}
	return s.parameters.Parameter(tx, region, name)
}
