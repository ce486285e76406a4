package generic

func init() { println("runs without being named") }
