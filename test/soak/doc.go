// Package soak keeps the lab's environment under mixed load and breaks something in it each minute, at random, for as
// long as it is told. Then everything must be as it was: no acknowledged write lost, every fault healed, the plan empty, and not one
// process, namespace, mount or open file more in the lab than before.
//
//	scripts/up
//	HAVEN_SOAK=30m go test -count=1 -timeout 60m -v ./test/soak      # HAVEN_SOAK_SEED=7 repeats a run's faults
package soak
