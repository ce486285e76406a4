package beta

func resourceThing() { find() }
