package alpha

func resourceRare() {}
