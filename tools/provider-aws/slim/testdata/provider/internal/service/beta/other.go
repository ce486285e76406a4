package beta

func resourceOther() {}
