// Package jsonrpc speaks JSON 1.0 and 1.1: every operation is a POST to "/", named in a header.
//
//	X-Amz-Target: TrentService.CreateKey
//	Content-Type: application/x-amz-json-1.1
//	{"Description":"mine"}
//
// An error names its shape in the body and in a header:
//
//	x-amzn-ErrorType: NotFoundException
//	{"__type":"NotFoundException","message":"…"}
package jsonrpc
