package alpha

func TestNothing() {}
