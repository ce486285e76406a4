package names

import _ "embed"

const (
	Alpha = "alpha"
	Beta  = "beta"
	Gamma = "gamma"
)

//go:embed names.txt
var Text string
