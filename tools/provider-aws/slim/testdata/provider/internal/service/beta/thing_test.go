package beta

func TestNothing() {}
