package fault

import (
	"net/http"

	"haven/lab/cloud"
	"haven/lab/model"
)

// code is a wire code and its HTTP status; status 0 is 400.
type code struct {
	name   string
	status int
}

// dialects are the codes by family of services. Sources: "Common Error Types" of each service's API reference, such as
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, for EC2
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, for S3
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
var dialects = map[string]map[Kind]code{
	"ec2": {
		Malformed: {"MalformedQueryString", 400}, TooLarge: {"RequestEntityTooLarge", 413},
		UnknownOperation: {"InvalidAction", 400}, UnimplementedOperation: {"InvalidAction", 400},
		UnknownParameter: {"UnknownParameter", 400}, UnimplementedParameter: {"UnsupportedOperation", 400},
		MissingParameter: {"MissingParameter", 400}, InvalidValue: {"InvalidParameterValue", 400},
		DigestMismatch: {"AuthFailure", 401}, MissingSignature: {"MissingAuthenticationToken", 403},
		BadCredentials: {"IncompleteSignature", 400}, UnknownKey: {"AuthFailure", 401}, ExpiredToken: {"RequestExpired", 400},
		BadToken: {"AuthFailure", 401}, BadSignature: {"AuthFailure", 401}, Expired: {"RequestExpired", 400},
		WrongRegion: {"AuthFailure", 401}, Denied: {"UnauthorizedOperation", 403}, DryRun: {"DryRunOperation", 412},
		Internal: {"InternalError", 500},
	},
	"query": {
		Malformed: {"MalformedQueryString", 400}, TooLarge: {"RequestEntityTooLarge", 413},
		UnknownOperation: {"InvalidAction", 400}, UnimplementedOperation: {"InvalidAction", 400},
		UnknownParameter: {"ValidationError", 400}, UnimplementedParameter: {"ValidationError", 400},
		MissingParameter: {"ValidationError", 400}, InvalidValue: {"ValidationError", 400},
		DigestMismatch: {"SignatureDoesNotMatch", 403}, MissingSignature: {"MissingAuthenticationToken", 403},
		BadCredentials: {"IncompleteSignature", 400}, UnknownKey: {"InvalidClientTokenId", 403}, ExpiredToken: {"ExpiredToken", 403},
		BadToken: {"InvalidClientTokenId", 403}, BadSignature: {"SignatureDoesNotMatch", 403}, Expired: {"SignatureDoesNotMatch", 403},
		WrongRegion: {"SignatureDoesNotMatch", 403}, Denied: {"AccessDenied", 403}, Internal: {"InternalFailure", 500},
	},
	"json": {
		Malformed: {"SerializationException", 400}, TooLarge: {"RequestEntityTooLargeException", 413},
		UnknownOperation: {"UnknownOperationException", 400}, UnimplementedOperation: {"UnknownOperationException", 400},
		UnknownParameter: {"ValidationException", 400}, UnimplementedParameter: {"ValidationException", 400},
		MissingParameter: {"ValidationException", 400}, InvalidValue: {"ValidationException", 400},
		DigestMismatch: {"InvalidSignatureException", 400}, MissingSignature: {"MissingAuthenticationTokenException", 400},
		BadCredentials: {"IncompleteSignatureException", 400}, UnknownKey: {"UnrecognizedClientException", 400},
		ExpiredToken: {"ExpiredTokenException", 400}, BadToken: {"UnrecognizedClientException", 400},
		BadSignature: {"InvalidSignatureException", 400}, Expired: {"InvalidSignatureException", 400},
		WrongRegion: {"InvalidSignatureException", 400}, Denied: {"AccessDeniedException", 400}, Internal: {"InternalFailure", 500},
	},
	"rest-json": {
		Malformed: {"SerializationException", 400}, UnknownOperation: {"UnknownOperationException", 404},
		UnimplementedOperation: {"UnknownOperationException", 404}, MissingSignature: {"MissingAuthenticationTokenException", 403},
		UnknownKey: {"UnrecognizedClientException", 403}, ExpiredToken: {"ExpiredTokenException", 403},
		BadToken: {"UnrecognizedClientException", 403}, BadSignature: {"InvalidSignatureException", 403},
		Expired: {"InvalidSignatureException", 403}, WrongRegion: {"InvalidSignatureException", 403},
		DigestMismatch: {"InvalidSignatureException", 403}, Denied: {"AccessDeniedException", 403},
	},
	"rest-xml": {
		Malformed: {"MalformedInput", 400}, UnknownParameter: {"InvalidInput", 400}, UnimplementedParameter: {"InvalidInput", 400},
		MissingParameter: {"InvalidInput", 400}, InvalidValue: {"InvalidInput", 400},
		UnknownOperation: {"UnknownOperationException", 404}, UnimplementedOperation: {"UnknownOperationException", 404},
	},
	"s3": {
		Malformed: {"MalformedXML", 400}, TooLarge: {"EntityTooLarge", 400}, UnknownOperation: {"MethodNotAllowed", 405},
		UnimplementedOperation: {"NotImplemented", 501}, UnknownParameter: {"InvalidArgument", 400},
		UnimplementedParameter: {"NotImplemented", 501}, MissingParameter: {"InvalidArgument", 400},
		InvalidValue: {"InvalidArgument", 400}, DigestMismatch: {"BadDigest", 400}, MissingSignature: {"AccessDenied", 403},
		BadCredentials: {"AuthorizationHeaderMalformed", 400}, UnknownKey: {"InvalidAccessKeyId", 403},
		ExpiredToken: {"ExpiredToken", 400}, BadToken: {"InvalidToken", 400}, BadSignature: {"SignatureDoesNotMatch", 403},
		Expired: {"RequestTimeTooSkewed", 403}, WrongRegion: {"AuthorizationHeaderMalformed", 400}, Denied: {"AccessDenied", 403},
		Internal: {"InternalError", 500},
	},
}

// parents are where a dialect looks when it has no code of its own.
var parents = map[string]string{"s3": "query", "rest-xml": "query", "rest-json": "json", "rpc-v2-cbor": "json"}

// validation is what single services call a parameter that does not pass, where their API reference differs from
// their family's.
var validation = map[string]string{
	"rds": "InvalidParameterValue", "sns": "InvalidParameter", "cloudwatch": "InvalidParameterValue",
	"efs": "BadRequest", "networkfirewall": "InvalidRequestException", "cloudwatchlogs": "InvalidParameterException",
	"secretsmanager": "InvalidParameterException", "wafv2": "WAFInvalidParameterException", "guardduty": "BadRequestException",
}

// For returns the error that a service answers a problem with. The service may be nil: then nobody knows it.
func For(service *model.Service, protocol string, problem *Problem) *cloud.Error {
	dialect := protocol
	if service != nil && service.Name == "s3" {
		dialect = "s3"
	}
	found := lookUp(dialect, problem.Kind)
	if service != nil && isValidation(problem.Kind) && validation[service.Name] != "" {
		found = code{validation[service.Name], http.StatusBadRequest}
	}
	return &cloud.Error{Code: found.name, Message: problem.Message, Status: found.status}
}

func isValidation(kind Kind) bool {
	return kind == UnknownParameter || kind == UnimplementedParameter || kind == MissingParameter || kind == InvalidValue
}

func lookUp(dialect string, kind Kind) code {
	for ; dialect != ""; dialect = parents[dialect] {
		if found, ok := dialects[dialect][kind]; ok {
			return found
		}
	}
	return code{"InternalFailure", http.StatusInternalServerError}
}
