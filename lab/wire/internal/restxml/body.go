package restxml

import (
	"reflect"

	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/xmltext"
)

// roots are the names of the outermost elements of S3's outputs, which the published model does not have: from the
// response syntax in https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html.
var roots = map[string]string{
	"ListBuckets": "ListAllMyBucketsResult", "ListObjects": "ListBucketResult", "ListObjectsV2": "ListBucketResult",
	"ListObjectVersions": "ListVersionsResult", "CreateMultipartUpload": "InitiateMultipartUploadResult",
	"CompleteMultipartUpload": "CompleteMultipartUploadResult", "ListMultipartUploads": "ListMultipartUploadsResult",
	"ListParts": "ListPartsResult", "DeleteObjects": "DeleteResult", "GetBucketAcl": "AccessControlPolicy",
	"GetObjectAcl": "AccessControlPolicy", "GetBucketVersioning": "VersioningConfiguration", "GetBucketTagging": "Tagging",
	"GetObjectTagging": "Tagging", "GetBucketCors": "CORSConfiguration", "GetBucketWebsite": "WebsiteConfiguration",
	"GetBucketLogging": "BucketLoggingStatus", "GetBucketRequestPayment": "RequestPaymentConfiguration",
	"GetBucketAccelerateConfiguration": "AccelerateConfiguration", "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
	"GetBucketNotificationConfiguration": "NotificationConfiguration", "GetObjectAttributes": "GetObjectAttributesResponse",
}

func namespace(service *model.Service) string {
	if isS3(service) {
		return "http://s3.amazonaws.com/doc/2006-03-01/"
	}
	if service.Metadata.XMLNamespace != nil {
		return service.Metadata.XMLNamespace.URI
	}
	return "https://" + service.Metadata.EndpointPrefix + ".amazonaws.com/doc/" + service.Metadata.APIVersion + "/"
}

func writeBody(out *xmltext.Writer, operation *api.Operation, payload *bind.Field, from reflect.Value) {
	space := &model.Namespace{URI: namespace(operation.Service)}
	if payload != nil {
		writePayload(out, payload, from, space)
		return
	}
	name := operation.Operation.Output.LocationName
	if name == "" {
		name = operation.Output.Name
	}
	if root := roots[operation.Name]; root != "" && isS3(operation.Service) {
		name = root
	}
	if operation.Name == "GetBucketLocation" && isS3(operation.Service) { // whose only member is the outermost element
		name = "LocationConstraint"
		location := from.Field(operation.Output.Field(name).Index)
		out.Open(name, space)
		out.Text(location.String())
		out.Close(name)
		return
	}
	out.Open(name, space)
	out.Members(operation.Output, from)
	out.Close(name)
}

func writePayload(out *xmltext.Writer, payload *bind.Field, from reflect.Value, space *model.Namespace) {
	value, ok := bind.Present(from.Field(payload.Index))
	if !ok {
		value = reflect.Zero(payload.Type)
	}
	name := payload.Ref.LocationName
	if name == "" {
		name = payload.Name
	}
	out.Open(name, space)
	out.Members(payload.Node, value)
	out.Close(name)
}
