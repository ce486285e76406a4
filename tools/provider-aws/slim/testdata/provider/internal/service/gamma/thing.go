package gamma

func resourceThing() { find() }
