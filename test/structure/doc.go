// Package structure holds the tests that keep the layout of the project: who may import whom, and that every package
// says what it is for.
package structure
