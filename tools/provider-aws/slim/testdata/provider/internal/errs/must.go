package errs

func Must[T any](t T) T { return t }
