package beta

func resourceRare() {}
