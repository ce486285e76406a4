package alpha

func resourceThing() { find() }
