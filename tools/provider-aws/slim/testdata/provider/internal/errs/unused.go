package errs

func Unused() {}
