package gamma

func find() {}

func Find() { find() }
