package gamma

func resourceRare() {}
