//go:build windows

package generic

type Pointer[T any] struct{ to *T }
