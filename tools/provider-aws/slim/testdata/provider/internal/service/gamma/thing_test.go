package gamma

func TestNothing() {}
