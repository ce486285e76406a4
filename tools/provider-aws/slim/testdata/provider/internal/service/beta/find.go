package beta

func find() {}

func Find() { find() }
