package generic

type Pointer[T any] struct{ to *T }
