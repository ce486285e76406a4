// Package document reads values that came as a self-describing tree — objects, lists, strings, numbers — as JSON and
// CBOR have them, into the SDK's types.
package document
