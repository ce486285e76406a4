// Package query speaks the two protocols that send parameters as a form.
//
// Query (IAM, STS, RDS, Elastic Load Balancing, Auto Scaling …):
//
//	Action=CreateRole&Version=2010-05-08&RoleName=web&Tags.member.1.Key=a&Tags.member.1.Value=b
//
//	<CreateRoleResponse xmlns="…">
//	  <CreateRoleResult>…</CreateRoleResult>
//	  <ResponseMetadata><RequestId>…</RequestId></ResponseMetadata>
//	</CreateRoleResponse>
//
//	<ErrorResponse xmlns="…">
//	  <Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>…</Message></Error>
//	  <RequestId>…</RequestId>
//	</ErrorResponse>
//
// ec2query (EC2 only) is the same with other names, lists that are always flat, and other envelopes:
//
//	Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1&Filter.1.Name=state&Filter.1.Value.1=available
//
//	<DescribeVpcsResponse xmlns="…"><requestId>…</requestId><vpcSet>…</vpcSet></DescribeVpcsResponse>
//
//	<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>…</Message></Error></Errors>
//	<RequestID>…</RequestID></Response>
package query
