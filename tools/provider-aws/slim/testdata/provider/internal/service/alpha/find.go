package alpha

func find() {}

func Find() { find() }
