package vpc

import (
	"net/netip"

	"haven/lab/realm/dns"
)

// Addresses of the world beyond the gateways. They come from ranges that no real network uses: 198.18.0.0/15 is set
// aside for benchmarks (RFC 2544) and 203.0.113.0/24 for documentation (RFC 5737).
var (
	// PublicRange is where EC2 takes public IPv4 and Elastic IP addresses from; unique over all regions.
	PublicRange = netip.MustParsePrefix("198.18.0.0/16")
	// ServicesAddress is where the public endpoints of the AWS services answer, on ports 443 and 80.
	ServicesAddress = netip.MustParseAddr("198.19.255.1")
	// S3Range is the content of the prefix list com.amazonaws.<region>.s3.
	S3Range = netip.MustParsePrefix("198.19.254.0/24")
	// S3Address is where S3 answers: at its public endpoint and through gateway endpoints.
	S3Address = netip.MustParseAddr("198.19.254.1")
	// DynamoDBRange is the content of the prefix list com.amazonaws.<region>.dynamodb.
	DynamoDBRange = netip.MustParsePrefix("198.19.253.0/24")
	// DynamoDBAddress is where DynamoDB's endpoint answers.
	DynamoDBAddress = netip.MustParseAddr("198.19.253.1")
	// OutsideRange is the public internet outside AWS: clients and servers that are nobody's VPC.
	OutsideRange = netip.MustParsePrefix("203.0.113.0/24")
	// OutsideClient is the address that clients from outside come from, such as the loopback forwarders.
	OutsideClient = netip.MustParseAddr("203.0.113.1")
	// ResolverAddress is where each interface's namespace reaches the VPC's DNS resolver, on port 53.
	ResolverAddress = netip.MustParseAddr("169.254.169.253")
	// MetadataAddress is where the instance metadata service listens, on port 80. The address is there in every
	// RoleHost namespace; whoever runs the machine listens.
	MetadataAddress = netip.MustParseAddr("169.254.169.254")
)

// NewNames returns a table of names in which the AWS services have the addresses where they answer.
func NewNames() *dns.Table {
	return dns.NewTable(dns.Services{
		Default: ServicesAddress.String(), S3: S3Address.String(), DynamoDB: DynamoDBAddress.String(),
	})
}
