// Package rest is what rest-json and rest-xml share: operations are found by method, path and query, and members
// travel in the path, the query, headers and the status as well as in the body.
//
//	PUT /2015-02-01/file-systems/{FileSystemId}/lifecycle-configuration
//	GET /{Bucket}?list-type=2
//	PUT /{Bucket}/{Key+}         with the header x-amz-copy-source: CopyObject, without: PutObject
package rest
