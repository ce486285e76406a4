// Package model holds the API models that drive the lab's protocols: which operations a service has, how their
// inputs and outputs look, and what each member is called on the wire.
//
// The models are Amazon's own, as published with the AWS SDK for Go (github.com/aws/aws-sdk-go v1.55.8, folder
// models/apis, Apache License 2.0), trimmed by the generator in folder generate to the operations that the lab
// serves. Nothing in *.json is written by hand; after a handler was added or reads another member, type
//
//	go generate ./lab/model
//
// A trimmed model also knows the names of what was left out, so that the lab can tell a caller "AWS has this, the
// lab has not" from "there is no such thing".
package model

//go:generate go run ./generate
