// Package contract holds the lab's AWS provider to its contract: a program written for the official pulumi-aws plugin
// must not be able to tell the two apart by their types. For every resource and function it compares the schema that
// the built plugin reports with the structs of the official Go SDK: the token, each input and output property with
// its shape all the way down, which inputs are required, and which outputs are secret.
//
// The SDK's side is read from its source, the very structs that a program compiles against, and the list of what the
// program uses from the program's source, so that neither has to be kept up by hand.
package contract
