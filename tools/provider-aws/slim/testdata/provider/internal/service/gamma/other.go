package gamma

func resourceOther() {}
