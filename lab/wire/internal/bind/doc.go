// Package bind joins an API model's shapes to the SDK's Go types: a member to a struct's field, a list to a slice.
// The protocols walk the joined tree and never look names up at run time.
//
// A field is the member's name with a capital first letter; its type is a pointer or a bare value. A shape that does
// not fit its Go type is an error when the server is made, not when a call comes.
package bind
